"""Metadata as the tags of a TIFF page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from archivist.imaging.carried import CarriedMetadata
from archivist.imaging.metadata import irb, png_parts
from archivist.imaging.metadata.blocks import maker_note, pinned_note
from archivist.imaging.metadata.damage import readable
from archivist.imaging.metadata.edited import Edited
from archivist.imaging.metadata.exif_edit import resolution
from archivist.imaging.metadata.ifd import (
    BYTE,
    SHORT,
    UNDEFINED,
    Directory,
    Entry,
    ascii_text,
    rational,
    whole,
)
from archivist.imaging.metadata.names import tag_name
from archivist.imaging.metadata.source import (
    IPTC_TAG,
    IRB_TAG,
    STRUCTURE,
    XMP_TAG,
    SourceMetadata,
    chunk_name,
    directory_facts,
    segment_name,
)
from archivist.imaging.metadata.target import Carried, Ledger, Target
from archivist.imaging.metadata.xmp import BrokenXmp, Packet
from archivist.imaging.metadata.xmp_edit import xml_text
from archivist.model import MetadataContract

_DESCRIPTION = 270
_RESOLUTION = (282, 283, 296)
_INCH = 2
_SAME_DPI = 0.002
"""Relative; whole pixels per metre of PNG differ by so much from a scanner's round number."""
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def carried(edited: Edited, source: SourceMetadata, target: Target, ledger: Ledger) -> Carried:
    """Return the metadata as a directory of tags, to be put into the finished file."""
    page = edited.ifd0 or Directory(name="IFD0", order=source.order)
    page = readable(page.without(*STRUCTURE), ledger)
    page = _with_resolution(page, target, ledger)
    page, edited = _with_texts(page, edited, source, ledger)
    for entry in _blocks(edited):
        page = page.with_entry(entry)
    if edited.ifd1 is not None:
        ledger.lose(directory_facts(edited.ifd1), "a TIFF page holds no Exif thumbnail")
    if source.block is not None and source.ifd0 is None:
        ledger.lose(["EXIF"], "the Exif block cannot be read")
    for segment in source.segments:
        ledger.lose([segment_name(segment)], "a TIFF file has no place for JPEG segments")
    note = maker_note(page)
    if note is not None and (pinned_note(page) is None or source.order == ">"):
        ledger.changed["ExifIFD:MakerNote"] = "its bytes are kept, but offsets or byte order moved"
    if target.note is not None and source.ifd0 is None:
        page = page.with_entry(ascii_text(305, target.note.software))
    return Carried(pieces=CarriedMetadata(), directory=page, contract=MetadataContract())


def _blocks(edited: Edited) -> Iterator[Entry]:
    packet = edited.xmp_bytes
    if packet is not None:
        yield Entry(tag=XMP_TAG, type=BYTE, count=len(packet), value=packet)
    if edited.iptc is not None:
        yield Entry(tag=IPTC_TAG, type=UNDEFINED, count=len(edited.iptc), value=edited.iptc)
    others = [item for item in edited.resources if item.number != irb.IPTC]
    if others:
        block = irb.serialise(others)
        yield Entry(tag=IRB_TAG, type=BYTE, count=len(block), value=block)


def _with_resolution(page: Directory, target: Target, ledger: Ledger) -> Directory:
    """Let the page say the resolution of the output.

    Exif and the header of a JPEG or PNG file may disagree; a TIFF has one place for both.
    """
    entries = [page.get(tag) for tag in _RESOLUTION]
    if target.dpi is None or not any(entries):
        return page
    found = resolution(page)
    if found and all(abs(a - b) <= _SAME_DPI * b for a, b in zip(found, target.dpi, strict=True)):
        return page
    names = [tag_name(page.name, tag) for tag in _RESOLUTION]
    for name, entry in zip(names, entries, strict=True):
        reason = "the resolution that the header of the scan's file gives"
        ledger.set(name, existed=entry is not None, reason=reason)
    for tag, value in zip(_RESOLUTION, target.dpi, strict=False):
        page = page.with_entry(rational(tag, value, page.order))
    return page.with_entry(whole(_RESOLUTION[2], _INCH, page.order, SHORT))


def _with_texts(
    page: Directory, edited: Edited, source: SourceMetadata, ledger: Ledger
) -> tuple[Directory, Edited]:
    """Keep comments and PNG texts: in ImageDescription when there is none yet, else in XMP."""
    lines, names = _texts(source, ledger)
    if not lines:
        return page, edited
    words, place = "\n".join(lines), "ImageDescription"
    if page.get(_DESCRIPTION) is None:
        page = page.with_entry(ascii_text(_DESCRIPTION, words.replace("\0", " ")))
    else:
        place = "XMP-archivist:Comment"
        try:
            packet = edited.packet or Packet.parse(edited.xmp or Packet.empty().serialise())
        except BrokenXmp:
            ledger.lose(names, "ImageDescription is in use, and the scan's XMP cannot be read")
            return page, edited
        packet.set("archivist:Comment", xml_text(words))
        edited = dataclasses.replace(edited, packet=packet)
    for name in names:
        ledger.set(name, existed=True, reason=f"moved to {place}")
    return page, edited


def _texts(source: SourceMetadata, ledger: Ledger) -> tuple[list[str], list[str]]:
    """Return the words of comments and PNG texts, and the names of what they come from."""
    lines = [comment.rstrip(b"\0").decode("utf-8", "replace") for comment in source.comments]
    names = ["File:Comment"] * bool(lines)
    for chunk in source.chunks:
        words = png_parts.text(chunk) if chunk.kind in _TEXTS else None
        if words is None:
            reason = "a TIFF file has no place for this part of a PNG file"
            ledger.lose([chunk_name(chunk)], reason)
            continue
        code = "utf-8" if chunk.kind == b"iTXt" else "latin-1"
        lines.append(f"{png_parts.keyword(chunk)}: {words.decode(code, 'replace')}")
        names.append(chunk_name(chunk))
    return lines, names
