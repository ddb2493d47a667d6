"""The metadata of one page of a scan as raw pieces, and their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archivist.hashing import digest_bytes
from archivist.imaging.metadata import irb, png_parts
from archivist.imaging.metadata.ifd import (
    Directory,
    Order,
    swapped,
    walk,
)
from archivist.imaging.metadata.jpeg_parts import Segment
from archivist.imaging.metadata.names import tag_name
from archivist.imaging.metadata.png_parts import Chunk
from archivist.imaging.metadata.xmp import BrokenXmp, Packet

XMP_TAG, IPTC_TAG, IRB_TAG, ICC_TAG = 700, 33723, 34377, 34675
SUB_IFDS = 330
POINTERS = frozenset({34665, 34853, 40965, SUB_IFDS})
STRUCTURE = frozenset(
    {
        *(256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 288, 289, 292, 293),
        *(317, 320, 322, 323, 324, 325, 338, 339, 347, 530, 559),
        *range(512, 522),
        *(XMP_TAG, IPTC_TAG, IRB_TAG, ICC_TAG),
    }
)
"""Tags of a TIFF page that describe how its samples are stored, or are held apart here."""
SAMPLE_TAGS = frozenset({529, 531, 532})
"""Tags that describe YCbCr samples; a TIFF file is written in RGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMetadata:
    """The metadata of one page, as raw pieces; nothing is decoded that need not be changed.

    ``block`` is the Exif block of a JPEG or PNG file, ``ifd0`` and ``ifd1`` its directories; of a
    TIFF page ``ifd0`` has all tags that are not structure, and there is no block. ``xmp_extension``
    is the rest of a packet that one JPEG segment cannot hold. ``segments`` and ``chunks`` are the
    other parts of JPEG and PNG files; ``trailer`` counts the bytes after a JPEG picture, ``parts``
    the reduced copies and masks beside the pages of a TIFF file. ``problems`` name what could not
    be read.

    A codec plugin gives the colour profile with the pixels, so ``icc_digest`` stands for it here;
    ``model`` names the colours as stored, where it turned them into others, and ``unread`` what it
    does not hand over, each with the reason.
    """

    format: str
    order: Order = "<"
    block: bytes | None = None
    ifd0: Directory | None = None
    ifd1: Directory | None = None
    xmp: bytes | None = None
    xmp_extension: bytes | None = None
    icc: bytes | None = None
    icc_digest: str | None = None
    model: str = ""
    unread: tuple[tuple[str, str], ...] = ()
    resources: tuple[irb.Resource, ...] = ()
    iptc: bytes | None = None
    comments: tuple[bytes, ...] = ()
    segments: tuple[Segment, ...] = ()
    chunks: tuple[Chunk, ...] = ()
    trailer: int = 0
    parts: int = 0
    problems: tuple[str, ...] = ()

    @property
    def profile(self) -> str | None:
        """The SHA-256 of the colour profile."""
        return digest_bytes(self.icc) if self.icc is not None else self.icc_digest


def packet_of(source: SourceMetadata) -> Packet | None:
    """Return the XMP of a page with its extension, None when it has none.

    Raises :class:`~archivist.imaging.metadata.xmp.BrokenXmp`.
    """
    if source.xmp is None:
        return None
    packet = Packet.parse(source.xmp)
    if source.xmp_extension is not None:
        packet.absorb(Packet.parse(source.xmp_extension))
        packet.remove("xmpNote:HasExtendedXMP")
    return packet


def facts(source: SourceMetadata) -> dict[str, str]:
    """Return every piece of metadata by its name, with a value that equals when the piece does.

    The names do not depend on the file format: ``IFD0:Make`` is the same tag in JPEG and TIFF.
    """
    found: dict[str, str] = {}
    for directory in (source.ifd0, source.ifd1):
        if directory is not None:
            found |= directory_facts(directory)
    if source.block is not None and source.ifd0 is None:
        found["EXIF"] = digest_bytes(source.block)
    found |= _xmp_facts(source)
    found |= {f"IPTC:{name}": value for name, value in _iptc_facts(source.iptc)}
    for item in source.resources:
        if item.number not in (irb.IPTC, irb.ICC):
            _add(found, f"Photoshop:0x{item.number:04x}", item.data)
    if source.profile is not None:
        found["ICC_Profile"] = source.profile
    for comment in source.comments:
        _add(found, "File:Comment", comment)
    for segment in source.segments:
        _add(found, segment_name(segment), segment.payload)
    for chunk in source.chunks:
        _add(found, chunk_name(chunk), chunk.data)
    if source.trailer:
        found["Trailer"] = str(source.trailer)
    if source.parts:
        found["ReducedImages"] = str(source.parts)
    return found | dict(source.unread)


def directory_facts(directory: Directory) -> dict[str, str]:
    """Return the tags of a directory and those below by name; pointers and structure left out."""
    found: dict[str, str] = {}
    for owner, entry in walk(directory):
        if entry.children or (owner.name == "IFD1" and entry.tag in (0x201, 0x202)):
            if entry.stream is not None:
                found["IFD1:ThumbnailImage"] = digest_bytes(entry.stream)
            continue
        if owner.name == "IFD0" and entry.tag in STRUCTURE:
            continue
        value = entry.value
        if owner.order == ">" and not entry.broken:
            value = swapped(value, entry.type)
        _add(found, tag_name(owner.name, entry.tag), value)
    return found


def segment_name(segment: Segment) -> str:
    """Return the name of an application segment: ``APP12:Ducky``."""
    word = segment.payload[:40].split(b"\0")[0].decode("latin-1")
    shown = "".join(letter for letter in word if letter.isprintable())[:32]
    return f"APP{segment.marker - 0xE0}:{shown}" if shown else f"APP{segment.marker - 0xE0}"


def chunk_name(chunk: Chunk) -> str:
    """Return the name of a PNG chunk: ``PNG:Title`` for a text, else ``PNG:sBIT``."""
    if chunk.kind in (b"tEXt", b"zTXt", b"iTXt"):
        return f"PNG:{png_parts.keyword(chunk)}"
    return "PNG:ModifyDate" if chunk.kind == b"tIME" else f"PNG:{chunk.kind.decode('latin-1')}"


def _add(found: dict[str, str], name: str, data: bytes) -> None:
    digest = digest_bytes(data)
    found[name] = f"{found[name]} {digest}" if name in found else digest


def _xmp_facts(source: SourceMetadata) -> dict[str, str]:
    try:
        packet = packet_of(source)
    except BrokenXmp:
        return {"XMP": digest_bytes(source.xmp or b"")}
    return {} if packet is None else packet.properties()


def _iptc_facts(data: bytes | None) -> Iterable[tuple[str, str]]:
    found: dict[str, str] = {}
    for record, number, value in irb.iptc_records(data or b""):
        _add(found, f"{record}:{number:03}", value)
    if data and not found:
        found["unreadable"] = digest_bytes(data)
    return found.items()
