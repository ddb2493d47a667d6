"""Metadata as the chunks of a PNG file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC

from archivist.imaging.carried import CarriedMetadata
from archivist.imaging.metadata import irb, png_parts
from archivist.imaging.metadata.edited import Edited
from archivist.imaging.metadata.png_parts import Chunk
from archivist.imaging.metadata.source import SourceMetadata, chunk_name, segment_name
from archivist.imaging.metadata.target import Carried, Ledger, Target
from archivist.imaging.metadata.to_jpeg import exif_block
from archivist.model import MetadataContract

_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_UNFIT = {
    b"caBX": "the C2PA manifest signs the scan's bytes and would be invalid",
    b"dSIG": "the signature is of the scan's bytes",
    b"acTL": "animation",
    b"fcTL": "animation",
    b"fdAT": "animation",
}
_OF_SAMPLES = (b"sBIT", b"bKGD", b"hIST")


def carried(edited: Edited, source: SourceMetadata, target: Target, ledger: Ledger) -> Carried:
    """Return the metadata as PNG chunks."""
    found = [*_others(source, target, ledger)]
    block = exif_block(edited, source, ledger)
    if block is not None:
        found.append(Chunk(b"eXIf", block))
    packet = edited.xmp_bytes
    if packet is not None:
        found.append(png_parts.xmp_chunk(packet))
    resources = edited.resources_with_iptc
    if resources:
        found.append(png_parts.raw_profile_chunk("iptc", irb.serialise(resources)))
    found += _comments(source)
    if source.comments:
        ledger.changed["File:Comment"] = "moved to a PNG text"
    for segment in source.segments:
        ledger.lose([segment_name(segment)], "a PNG file has no place for JPEG segments")
    pieces = CarriedMetadata(png_chunks=tuple((chunk.kind, chunk.data) for chunk in found))
    return Carried(pieces=pieces, contract=MetadataContract())


def _comments(source: SourceMetadata) -> Iterator[Chunk]:
    for comment in source.comments:
        words = comment.rstrip(b"\0")
        try:
            yield Chunk(b"iTXt", b"Comment\0\0\0\0\0" + words.decode("utf-8").encode())
        except UnicodeDecodeError:
            yield Chunk(b"tEXt", b"Comment\0" + words.replace(b"\0", b" "))


def _others(source: SourceMetadata, target: Target, ledger: Ledger) -> Iterator[Chunk]:
    for chunk in source.chunks:
        name, reason = chunk_name(chunk), _unfit(chunk, target)
        if reason:
            ledger.lose([name], reason)
        elif chunk.kind == b"tIME" and target.note is not None:
            ledger.changed[name] = "the moment of the last step"
            yield Chunk(b"tIME", _moment(target))
        elif chunk.kind in _TEXTS and name == "PNG:Software" and target.note is not None:
            ledger.changed[name] = f"written by archivist (was {png_parts.text(chunk)!r})"
            yield Chunk(b"tEXt", b"Software\0" + target.note.software.encode("latin-1", "replace"))
        else:
            yield chunk


def _unfit(chunk: Chunk, target: Target) -> str:
    """Return why a chunk cannot go into the new file, empty when it can."""
    if chunk.kind in _UNFIT:
        return _UNFIT[chunk.kind]
    if chunk.kind in _OF_SAMPLES and (target.depth != target.stored.depth or target.stored.palette):
        return "describes samples of another kind"
    if chunk.kind == b"pHYs":
        return "" if target.dpi is None else "a resolution is known"
    known = (*_TEXTS, *_OF_SAMPLES, b"tIME", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI")
    # The fifth bit of the fourth letter says whether a chunk may be copied by who knows it not.
    if chunk.kind not in known and not chunk.kind[3] & 0x20:
        return "depends on the scan's pixels (not safe to copy)"
    return ""


def _moment(target: Target) -> bytes:
    assert target.note is not None
    moment = target.note.when.astimezone(UTC)
    return struct.pack(">HBBBBB", moment.year, *moment.timetuple()[1:6])
