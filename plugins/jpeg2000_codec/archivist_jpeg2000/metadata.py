"""What a file says beside its picture: Exif, XMP, IPTC and resolution in boxes, read and written.

XMP has its box by the XMP specification, part 3; those of Exif and IPTC are custom, and what
exiftool writes. All are boxes of the kind ``uuid`` (ISO/IEC 15444-1, I.7.2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from archivist.api import CodecMetadata
from archivist_jpeg2000.boxes import Box, box, boxes
from archivist_jpeg2000.headers import File, open_file
from archivist_jpeg2000.plugin import CODESTREAM
from archivist_jpeg2000.resolution import CAPTURE, DISPLAY, Dpi, read_resolutions
from archivist_jpeg2000.spaces import Model

EXIF = b"JpgTiffExif->JP2"
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_PLACES = {
    EXIF: "exif",
    bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"): "exif",
    XMP: "xmp",
    IPTC: "iptc",
    bytes.fromhex("09a14e97c0b442e0bebf36df6f0ce36f"): "iptc",
}
"""What the boxes of a UUID hold; the second of Exif and of IPTC are those of old Photoshops."""
_NAMES = {"exif": "EXIF", "xmp": "XMP", "iptc": "IPTC"}
_PHOTOSHOP = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb")
_GEO = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
_GEO_TAGS = {
    33550: "PixelScale",
    33922: "ModelTiePoint",
    34264: "ModelTransform",
    34735: "GeoTiffDirectory",
    34736: "GeoTiffDoubleParams",
    34737: "GeoTiffAsciiParams",
}
_CODING = {b"jP  ", b"ftyp", b"rreq", b"jp2h", b"jp2c", b"free"}
_HEADER = {b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef", b"res "}
_PREFIX = b"Exif\0\0"
"""What belongs before Exif in a JPEG file; some programs write it here as well."""
_LONGEST = 80
_REASONS = {
    b"xml ": "may speak of the old pixels (their size, their place on earth), and nothing tells",
    b"uinf": "says where UUIDs of the old file are explained",
    b"jp2i": "has no form that the standard lays down, so that it cannot be told what it is about",
    b"jumb": "a manifest that signs the scan's bytes (C2PA) would be invalid",
}
_UNKNOWN = "what it means for another picture is not known"


@dataclass(slots=True)
class _Found:
    """What was found so far."""

    blocks: dict[str, bytes] = field(default_factory=dict)
    dpi: Dpi | None = None
    lost: dict[str, str] = field(default_factory=dict)


def metadata(data: bytes) -> CodecMetadata:
    """Return what a file says beside its picture, and how that is stored. Raises SourceError."""
    file = open_file(data)
    found = _Found()
    if not data.startswith(CODESTREAM):
        for part in boxes(data, 0, len(data)):
            _take(data, part, found)
    notes = [text.decode("latin-1").strip("\0 ") for text in file.frame.comments]
    if notes:
        shown = "; ".join(note[:_LONGEST] for note in notes)
        found.lost["Jpeg2000:Comment"] = f"a note of the encoder on itself ({shown!r})"
    return CodecMetadata(
        exif=found.blocks.get("exif"),
        xmp=found.blocks.get("xmp"),
        iptc=found.blocks.get("iptc"),
        dpi=found.dpi,
        bits=_bits(file),
        palette=file.palette is not None,
        model="sYCC" if file.space.model is Model.SYCC else "",
        lost=found.lost,
    )


def _bits(file: File) -> int:
    return 0 if file.bits == file.header.depth else file.bits


def _take(data: bytes, part: Box, found: _Found) -> None:
    """Enter what a box of the file holds."""
    if part.kind == b"jp2h":
        for inner in boxes(data, part.start, part.end):
            if inner.kind == b"res ":
                _take_resolution(read_resolutions(data, inner), found)
            elif inner.kind not in _HEADER:
                found.lost[_name(inner.kind)] = _UNKNOWN
    elif part.kind == b"uuid":
        _take_uuid(data[part.start : part.start + 16], data[part.start + 16 : part.end], found)
    elif part.kind not in _CODING and part.start < part.end:
        found.lost[_name(part.kind)] = _REASONS.get(part.kind, _UNKNOWN)


def _take_uuid(kind: bytes, content: bytes, found: _Found) -> None:
    place = _PLACES.get(kind)
    if place is not None:
        if place in found.blocks:
            found.lost[_NAMES[place]] = "there are several in the file; the first is carried"
        else:
            found.blocks[place] = content.removeprefix(_PREFIX) if place == "exif" else content
    elif kind == _PHOTOSHOP:
        found.lost["Photoshop"] = (
            "settings of Photoshop, which its old JPEG 2000 plugin alone wrote here"
        )
    elif kind == _GEO:
        for name in _geo_names(content):
            found.lost[name] = "the place on earth is given by pixels of the scan (GeoJP2)"
    else:
        found.lost[f"Jpeg2000:UUID-{kind.hex()}"] = _UNKNOWN


def _geo_names(content: bytes) -> Iterator[str]:
    """Yield the names of what GeoJP2 says: a TIFF directory of which only some tags matter."""
    yield "Jpeg2000:UUID-GeoJP2"
    order = ">" if content.startswith(b"MM") else "<"
    try:
        (start,) = struct.unpack_from(order + "I", content, 4)
        (count,) = struct.unpack_from(order + "H", content, start)
        for number in range(count):
            (tag,) = struct.unpack_from(order + "H", content, start + 2 + 12 * number)
            if tag in _GEO_TAGS:
                yield f"IFD0:{_GEO_TAGS[tag]}"
    except struct.error:
        return


def _take_resolution(values: Mapping[bytes, Dpi | None], found: _Found) -> None:
    """Take the resolution of capture, else of display; archivist writes the former alone."""
    capture, display = values.get(CAPTURE), values.get(DISPLAY)
    found.dpi = capture or display
    if CAPTURE in values and capture is None:
        found.lost["Jpeg2000:CaptureResolution"] = "it makes no sense"
    if DISPLAY in values:
        found.lost["Jpeg2000:DisplayResolution"] = (
            "the resolution of capture stands for it"
            if capture
            else "its numbers become the resolution of capture"
            if display
            else "it makes no sense"
        )


def _name(kind: bytes) -> str:
    shown = "".join(letter for letter in kind.decode("latin-1") if letter.isprintable()).strip()
    return f"Jpeg2000:{shown or kind.hex()}"


def uuid_boxes(held: CodecMetadata) -> bytes:
    """Return the boxes of Exif, XMP and IPTC, of those that are there."""
    blocks = ((EXIF, held.exif), (XMP, held.xmp), (IPTC, held.iptc))
    return b"".join(box(b"uuid", kind + text) for kind, text in blocks if text is not None)
