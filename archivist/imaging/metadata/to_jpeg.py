"""Metadata as the segments of a JPEG file."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from archivist.imaging.carried import CarriedMetadata
from archivist.imaging.metadata import irb, jpeg_parts, png_parts
from archivist.imaging.metadata.blocks import fresh, read_block, rewritten
from archivist.imaging.metadata.damage import readable
from archivist.imaging.metadata.edited import Edited
from archivist.imaging.metadata.ifd import BrokenDirectory, Directory
from archivist.imaging.metadata.jpeg_parts import PAYLOAD, Segment
from archivist.imaging.metadata.names import tag_name
from archivist.imaging.metadata.source import (
    SourceMetadata,
    chunk_name,
    directory_facts,
    segment_name,
)
from archivist.imaging.metadata.target import Carried, Ledger, Target
from archivist.imaging.metadata.xmp import Packet
from archivist.model import MetadataContract

_EXIF_ROOM = PAYLOAD - len(jpeg_parts.EXIF)
_XMP_ROOM = PAYLOAD - len(jpeg_parts.XMP)
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def carried(edited: Edited, source: SourceMetadata, target: Target, ledger: Ledger) -> Carried:
    """Return the metadata as JPEG segments: Exif first, as its standard wants it."""
    found = [
        *_exif(edited, source, ledger),
        *_xmp(edited, source, ledger),
        *jpeg_parts.photoshop_segments(irb.serialise(edited.resources_with_iptc)),
        *_others(source, ledger),
        *(Segment(jpeg_parts.COM, comment) for comment in source.comments),
        *_texts(source, ledger),
    ]
    pieces = CarriedMetadata(jpeg_segments=tuple(segment.packed() for segment in found))
    return Carried(pieces=pieces, contract=MetadataContract())


def _exif(edited: Edited, source: SourceMetadata, ledger: Ledger) -> Iterator[Segment]:
    block = exif_block(edited, source, ledger)
    if block is None:
        return
    if len(block) > _EXIF_ROOM and edited.ifd0 is not None:
        block = _fitted(readable(edited.ifd0, ledger), source, ledger)
    yield Segment(jpeg_parts.APP1, jpeg_parts.EXIF + block)


def exif_block(edited: Edited, source: SourceMetadata, ledger: Ledger) -> bytes | None:
    """Return the Exif block for all but TIFF: the scan's own with its edits, or a new one."""
    if source.block is not None:
        before, after = (source.ifd0, source.ifd1), (edited.ifd0, edited.ifd1)
        block = rewritten(source.block, before, after)
        if edited.ifd0 is None or _holds(block, edited.ifd0, edited.ifd1):
            return block
        # Damaged blocks share bytes between tags, so that what is written for one hits another.
        ledger.changed.setdefault("ExifIFD:MakerNote", "the damaged Exif block was written anew")
        return fresh(readable(edited.ifd0, ledger), source.order, edited.ifd1)[0]
    if edited.ifd0 is None or not edited.ifd0.entries:
        return None
    block, stayed = fresh(readable(edited.ifd0, ledger), source.order)
    if not stayed:
        ledger.changed["ExifIFD:MakerNote"] = "its bytes are kept, but lie at another offset"
    return block


def _holds(block: bytes, first: Directory, second: Directory | None) -> bool:
    try:
        found = read_block(block)
    except BrokenDirectory:
        return False
    return all(
        directory_facts(read) == directory_facts(meant) if read and meant else read is meant
        for read, meant in zip(found, (first, second), strict=True)
    )


def _fitted(first: Directory, source: SourceMetadata, ledger: Ledger) -> bytes:
    """Return a block that one segment holds: thumbnail, then the longest tags are left out."""
    ledger.lose(
        [name for name in ("IFD1:ThumbnailImage",) if source.ifd1 is not None],
        "the Exif segment of a JPEG holds 64 kB, and other tags need them",
    )
    while True:
        block, _ = fresh(first, source.order)
        if len(block) <= _EXIF_ROOM:
            return block
        longest = max(first.entries, key=lambda entry: len(entry.value))
        if not longest.value:
            longest = max(first.entries, key=lambda entry: len(entry.children))
        ledger.lose([tag_name(first.name, longest.tag)], "longer than a JPEG's Exif segment")
        first = first.without(longest.tag)


def _xmp(edited: Edited, source: SourceMetadata, ledger: Ledger) -> list[Segment]:
    main = edited.xmp_bytes
    if main is None:
        return []
    if len(main) <= _XMP_ROOM:
        return jpeg_parts.xmp_segments(main, None)
    if edited.packet is None:
        try:
            packet = Packet.parse(main)
        except ValueError:
            ledger.lose(["XMP"], "cannot be read, and is longer than a JPEG segment")
            return []
    else:
        packet = edited.packet
    return jpeg_parts.xmp_segments(*split(packet))


def split(packet: Packet) -> tuple[bytes, bytes]:
    """Return (main packet, extension) of a packet that is longer than a segment.

    The longest properties go into the extension, as the XMP specification lays down. Edits
    ``packet``. Raises ValueError when no element is long enough to help.
    """
    extension = Packet.empty()
    home = extension.descriptions()[0]
    elements = [
        (len(etree.tostring(element)), element)
        for description in packet.descriptions()
        for element in description.iterchildren(etree.Element)
    ]
    packet.set("xmpNote:HasExtendedXMP", "0" * 32)
    for _, element in sorted(elements, key=lambda pair: -pair[0]):
        if len(packet.serialise()) <= _XMP_ROOM:
            break
        home.append(element)
    extended: bytes = etree.tostring(extension.root, encoding="utf-8")
    packet.set("xmpNote:HasExtendedXMP", jpeg_parts.guid_of(extended).decode())
    main = packet.serialise()
    if len(main) > _XMP_ROOM:
        raise ValueError("the XMP packet has attributes longer than a JPEG segment")
    return main, extended


def _others(source: SourceMetadata, ledger: Ledger) -> Iterator[Segment]:
    for segment in source.segments:
        reason = _unfit(segment)
        if reason:
            ledger.lose([segment_name(segment)], reason)
        else:
            yield segment


def _unfit(segment: Segment) -> str:
    """Return why a segment cannot go into the new file, empty when it can."""
    payload = segment.payload
    if segment.marker == jpeg_parts.APP11:
        if b"c2pa" in payload:
            return "the C2PA manifest signs the scan's bytes and would be invalid"
        return "JUMBF and JPEG XT data belong to the scan's samples"
    if segment.marker == jpeg_parts.APP0:
        return "a thumbnail of the picture before restoration"
    if segment.marker == jpeg_parts.APP2 and payload.startswith(jpeg_parts.MPF):
        return "lists the pictures after the main one, which are left out"
    if segment.marker == jpeg_parts.APP2 and payload.startswith(_GAIN_MAP):
        return "describes a gain map, which is left out"
    return ""


def _texts(source: SourceMetadata, ledger: Ledger) -> Iterator[Segment]:
    """Yield the texts of a PNG file as comments; its other chunks have no place in a JPEG."""
    for chunk in source.chunks:
        words = png_parts.text(chunk) if chunk.kind in _TEXTS else None
        name = chunk_name(chunk)
        if words is None or len(words) > PAYLOAD - 100:
            ledger.lose([name], "a JPEG file has no place for this part of a PNG file")
            continue
        if chunk.kind != b"iTXt":
            words = words.decode("latin-1").encode("utf-8")
        ledger.set(name, existed=True, reason="moved to a JPEG comment")
        yield Segment(jpeg_parts.COM, png_parts.keyword(chunk).encode("utf-8") + b": " + words)
