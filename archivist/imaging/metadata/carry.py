"""Carrying metadata from a scan into an output: nothing is lost that is not listed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from archivist.api.values import Colour
from archivist.hashing import digest_bytes
from archivist.imaging.metadata import exif_edit, irb, to_codec, to_jpeg, to_png, to_tiff, xmp_edit
from archivist.imaging.metadata.damage import list_damage
from archivist.imaging.metadata.edited import Edited
from archivist.imaging.metadata.geometry import turned_size
from archivist.imaging.metadata.ifd import Directory
from archivist.imaging.metadata.sample_rules import sample_changes
from archivist.imaging.metadata.source import SourceMetadata, facts, packet_of
from archivist.imaging.metadata.target import Carried, Ledger, Target
from archivist.imaging.metadata.tiff_rules import without_stale_tags
from archivist.imaging.metadata.xmp import BrokenXmp, Packet

_WRITERS: Mapping[str, Callable[[Edited, SourceMetadata, Target, Ledger], Carried]] = {
    "jpeg": to_jpeg.carried,
    "png": to_png.carried,
    "tiff": to_tiff.carried,
}


def carry(source: SourceMetadata, target: Target) -> Carried:
    """Return the metadata of a scan's page as they belong into the output, with the contract.

    Raises ValueError for a target format other than jpeg, png, tiff and those of codec plugins.
    """
    if target.places is None and target.format not in _WRITERS:
        raise ValueError(f"metadata can be written into jpeg, png and tiff, not {target.format}")
    ledger = Ledger()
    held = to_codec.placed(source, target)
    edited = _edited(held, target, ledger)
    _list_profile(source, target, ledger)
    if source.trailer:
        reason = "what follows the end of the picture (a second one, a video, a gain map or else)"
        ledger.lose(["Trailer"], f"{reason} is not restored")
    if source.parts:
        ledger.lose(["ReducedImages"], "reduced copies or masks of the picture before restoration")
    for name, reason in source.unread:
        ledger.lose([name], reason)
    to_codec.list_displaced(source, held, target, ledger)
    samples = sample_changes(
        target.stored,
        kind=target.format,
        depth=target.depth,
        colour=target.colour,
        model=source.model,
    )
    density = _density(source, target)
    ledger.changed.update({**samples, **density})
    write = to_codec.carried if target.places is not None else _WRITERS[target.format]
    carried = write(edited, held, target, ledger)
    list_damage(held, carried, ledger)
    return Carried(
        pieces=carried.pieces,
        directory=carried.directory,
        contract=ledger.contract({*facts(source), *samples, *density}),
    )


def _density(source: SourceMetadata, target: Target) -> dict[str, str]:
    """Return that the header's resolution changes with the size; Exif's is listed by its tags."""
    was, now = target.stored.dpi, target.dpi
    in_exif = source.ifd0 is not None and exif_edit.resolution(source.ifd0) is not None
    if was is None or now is None or in_exif or target.scale == (1.0, 1.0):
        return {}
    upright = was[::-1] if target.turned else was
    dpi = " -> ".join(f"{x:.10g} x {y:.10g}" for x, y in (upright, now))
    return {"Resolution": f"the physical size is kept: {dpi} dpi in the header of the file"}


def _list_profile(source: SourceMetadata, target: Target, ledger: Ledger) -> None:
    """Enter that a grey scan became colour, or one in colour grey: its profile has no place.

    Nor has it where the picture was the other on the way: steps that leave the channels as they are
    hand the profile on, which was seen when they ran.
    """
    was, is_now = target.stored.colour, target.colour
    now = digest_bytes(target.icc) if target.icc is not None else None
    if is_now is None or source.profile == now:
        return
    if is_now is was:
        other = "grey" if was is Colour.RGB else "in colour"
        lost = changed = f"the picture was {other} on the way, and the profile was for what it was"
    elif is_now is Colour.RGB:
        lost = "a profile for grey; the picture became colour (sRGB)"
        changed = "the picture became colour; its profile keeps the tone curve of the scan's"
    else:
        lost = "a profile for colour; the picture became grey"
        changed = "the picture became grey; the step gave it a profile for grey"
    if target.icc is None:
        ledger.lose(["ICC_Profile"], lost)
    else:
        ledger.set("ICC_Profile", existed=source.profile is not None, reason=changed)


def _edited(source: SourceMetadata, target: Target, ledger: Ledger) -> Edited:
    first, second = source.ifd0, source.ifd1
    if first is not None:
        first = exif_edit.edited(_for_target(first, source, target, ledger), target, ledger)
    if second is not None:
        second = exif_edit.edited_thumbnail(second, target, ledger)
    packet, raw = _edited_xmp(source, target, ledger)
    return Edited(
        ifd0=first,
        ifd1=second,
        packet=packet,
        xmp=raw,
        resources=_edited_resources(source, target, ledger),
        iptc=source.iptc,
    )


def _for_target(
    first: Directory, source: SourceMetadata, target: Target, ledger: Ledger
) -> Directory:
    return without_stale_tags(first, target, ledger) if source.format == "tiff" else first


def _edited_xmp(
    source: SourceMetadata, target: Target, ledger: Ledger
) -> tuple[Packet | None, bytes | None]:
    """Return the edited packet, or the bytes of one that needs no edit or cannot be read."""
    if not target.holds("xmp"):
        if target.note is not None:
            reason = f"the format {target.format} has no place for XMP; the catalog keeps it"
            ledger.lost["XMP-xmpMM:History"] = reason
        return None, None
    try:
        packet = packet_of(source)
    except BrokenXmp as error:
        # Writing a packet of our own would replace the scan's; the catalog keeps the history.
        ledger.lost["XMP-xmpMM:History"] = f"the scan's XMP is kept, but cannot be read: {error}"
        return None, source.xmp
    if packet is None and target.note is None:
        return None, None
    packet = packet or Packet.empty()
    before = packet.properties()
    if source.trailer:
        xmp_edit.without_second_pictures(packet, ledger)
    xmp_edit.edited(packet, target, ledger)
    if packet.properties() == before and source.xmp_extension is None:
        return None, source.xmp
    return packet, None


def _edited_resources(
    source: SourceMetadata, target: Target, ledger: Ledger
) -> tuple[irb.Resource, ...]:
    kept = []
    for item in source.resources:
        name = f"Photoshop:0x{item.number:04x}"
        data: bytes | None = item.data
        if item.number in (irb.THUMBNAIL, irb.OLD_THUMBNAIL):
            data = _new_thumbnail(item, target.thumbnail)
            if data is None:
                ledger.lose([name], "a thumbnail of the picture before restoration")
            else:
                ledger.changed[name] = "made anew from the new picture"
        elif item.number == irb.RESOLUTION and len(item.data) >= 16:
            data = _scaled_resolution(item.data, target)
            if data != item.data:
                ledger.changed[name] = "the physical size is kept"
        elif item.number == irb.ICC:
            data = None
        if data is not None:
            kept.append(irb.Resource(item.kind, item.number, item.name, data))
    return tuple(kept)


def _scaled_resolution(data: bytes, target: Target) -> bytes:
    x, y = (value / 65536 for value in struct.unpack(">I4xI", data[:12]))
    across, down = turned_size(x, y, target.stored.orientation)
    return irb.with_resolution(data, (across * target.scale[0], down * target.scale[1]))


def _new_thumbnail(item: irb.Resource, thumbnail: bytes | None) -> bytes | None:
    if thumbnail is None or item.number == irb.OLD_THUMBNAIL:
        return None
    size = dict(exif_edit.jpeg_size(thumbnail))
    width, height = size.get(256, 0), size.get(257, 0)
    row = (width * 24 + 31) // 32 * 4
    head = struct.pack(">IIIIIIHH", 1, width, height, row, row * height, len(thumbnail), 24, 1)
    return head + thumbnail
