"""What XMP must say of a restored picture: its size, its history, and that software made it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from lxml import etree

from archivist.hashing import digest_json
from archivist.imaging.metadata.geometry import turned_size
from archivist.imaging.metadata.target import HistoryEvent, Ledger, RestorationNote, Target
from archivist.imaging.metadata.xmp import NAMESPACES, Packet, qname
from archivist.imaging.metadata.xmp_regions import turn_regions

_RDF = "{" + NAMESPACES["rdf"] + "}"
_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = _TERMS + "compositeWithTrainedAlgorithmicMedia"
"""A trained model painted some of the pixels."""
ENHANCED = _TERMS + "algorithmicallyEnhanced"
"""Software changed pixels without inventing content."""
_SPACE = uuid.UUID("6f0c9a5e-0d0a-5c41-9c0e-0f5a5c0b8a11")
"""The name space of our document identifiers: equal work has equal identifiers."""
_PARTS = ("GContainer", "GCamera", "hdrgm")


def edited(packet: Packet, target: Target, ledger: Ledger) -> None:
    """Make a packet true of the new picture; what a page has no note for is not signed."""
    _resized(packet, target, ledger)
    turn_regions(packet, target, ledger)
    _without_thumbnails(packet, ledger)
    if target.note is not None:
        _signed(packet, target.note, ledger)


def without_second_pictures(packet: Packet, ledger: Ledger) -> None:
    """Remove properties that describe pictures after the main one, which are not carried over."""
    for name in packet.properties():
        prefix, _, local = name.removeprefix("XMP-").partition(":")
        if prefix in _PARTS:
            for spelled in (local, local[:1].lower() + local[1:]):
                packet.remove(f"{prefix}:{spelled}")
            ledger.lose([name], "describes a second picture in the scan's file, which is left out")


def _set(packet: Packet, name: str, value: str, ledger: Ledger, reason: str) -> None:
    existed = packet.has(name)
    if packet.get(name) == value:
        return
    packet.set(name, value)
    ledger.set(shown(name), existed=existed, reason=reason)


def shown(name: str) -> str:
    """Return ``dc:title`` as contracts write it: ``XMP-dc:Title``."""
    prefix, _, local = name.partition(":")
    return f"XMP-{prefix}:{local[:1].upper()}{local[1:]}"


def _resized(packet: Packet, target: Target, ledger: Ledger) -> None:
    if target.stored.orientation != 1 and packet.has("tiff:Orientation"):
        # Where EXIF asked for no turn, a program that reads this one turns scan and result alike.
        _set(packet, "tiff:Orientation", "1", ledger, "the pixels were turned upright")
    numbers = {
        "tiff:ImageWidth": (target.width, "the size of the new picture"),
        "tiff:ImageLength": (target.height, "the size of the new picture"),
        "exif:PixelXDimension": (target.width, "the size of the new picture"),
        "exif:PixelYDimension": (target.height, "the size of the new picture"),
    }
    for name, (value, reason) in numbers.items():
        if packet.has(name):
            _set(packet, name, str(value), ledger, reason)
    old = [_quotient(packet.get(f"tiff:{axis}Resolution")) for axis in "XY"]
    if old[0] is None or old[1] is None:
        return
    x, y = turned_size(old[0], old[1], target.stored.orientation)
    for axis, was, now in (
        ("X", old[0], x * target.scale[0]),
        ("Y", old[1], y * target.scale[1]),
    ):
        if abs(now - was) > 1e-6 * abs(was):
            words = f"{round(now * 10000)}/10000"
            _set(packet, f"tiff:{axis}Resolution", words, ledger, "the physical size is kept")


def _quotient(words: str | None) -> float | None:
    above, _, below = (words or "").partition("/")
    try:
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return None


def _without_thumbnails(packet: Packet, ledger: Ledger) -> None:
    if packet.remove("xmp:Thumbnails"):
        ledger.lose(["XMP-xmp:Thumbnails"], "they show the picture before restoration")


# --- who made it ----------------------------------------------------------------------------


def _signed(packet: Packet, note: RestorationNote, ledger: Ledger) -> None:
    moment = xmp_date(note.when)
    for name in ("xmp:ModifyDate", "xmp:MetadataDate"):
        _set(packet, name, moment, ledger, "the moment of the last step")
    if packet.has("tiff:Software"):
        _set(packet, "tiff:Software", note.software, ledger, "written by archivist")
    if note.restored:
        kind = COMPOSITE if note.synthetic else ENHANCED
        was = packet.get("Iptc4xmpExt:DigitalSourceType")
        reason = "marks the picture as restored" + (f" (was {was})" if was else "")
        _set(packet, "Iptc4xmpExt:DigitalSourceType", kind, ledger, reason)
    instance = _identified(packet, note, ledger)
    for event in note.events:
        _append(packet, event, instance)
    if note.events:
        name = "XMP-xmpMM:History"
        ledger.set(name, existed=True, reason="one event for each step was added")


def _identified(packet: Packet, note: RestorationNote, ledger: Ledger) -> str:
    source = f"sha256:{note.source_digest}"
    document = packet.get("xmpMM:DocumentID") or source
    instance = packet.get("xmpMM:InstanceID") or document
    original = packet.get("xmpMM:OriginalDocumentID") or document
    work = digest_json([note.source_digest, note.profile, [_words(event) for event in note.events]])
    fresh = uuid.uuid5(_SPACE, work)
    reason = "the new picture is a document of its own, derived from the scan"
    _set(packet, "xmpMM:DocumentID", f"xmp.did:{fresh}", ledger, reason)
    _set(packet, "xmpMM:InstanceID", f"xmp.iid:{fresh}", ledger, reason)
    _set(packet, "xmpMM:OriginalDocumentID", original, ledger, reason)
    existed = packet.remove("xmpMM:DerivedFrom")
    derived = packet.element("xmpMM:DerivedFrom")
    derived.set(f"{_RDF}parseType", "Resource")
    for name, value in (
        ("stRef:documentID", document),
        ("stRef:instanceID", instance),
        ("stRef:originalDocumentID", original),
    ):
        _child(derived, name, value)
    ledger.set("XMP-xmpMM:DerivedFrom", existed=existed, reason="names the scan")
    return f"xmp.iid:{fresh}"


def _append(packet: Packet, event: HistoryEvent, instance: str) -> None:
    history = packet.element("xmpMM:History")
    found = history.find(f"{_RDF}Seq")
    listed = found if found is not None else etree.SubElement(history, f"{_RDF}Seq")
    item = etree.SubElement(listed, f"{_RDF}li", nsmap={"stEvt": NAMESPACES["stEvt"]})
    item.set(f"{_RDF}parseType", "Resource")
    for name, value in _words(event).items():
        if value:
            _child(item, name, value)
    _child(item, "stEvt:instanceID", instance)


def _words(event: HistoryEvent) -> dict[str, str]:
    return {
        "stEvt:action": event.action,
        "stEvt:softwareAgent": event.agent,
        "stEvt:when": xmp_date(event.when),
        "stEvt:parameters": event.parameters,
        "stEvt:changed": event.changed,
    }


def _child(parent: etree._Element, name: str, value: str) -> None:
    prefix = name.partition(":")[0]
    child = etree.SubElement(parent, qname(name), nsmap={prefix: NAMESPACES[prefix]})
    child.text = xml_text(value)


def xml_text(value: str) -> str:
    """Return text without the characters that XML cannot hold."""
    return (
        "".join(
            letter
            for letter in value
            if letter in "\t\n\r" or "\x20" <= letter <= "\ud7ff" or letter >= "\ue000"
        )
        .replace("\ufffe", "")
        .replace("\uffff", "")
    )


def xmp_date(moment: datetime) -> str:
    """Return a moment as XMP writes it, in UTC with seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
