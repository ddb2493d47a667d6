"""Taking the metadata out of a file: raw pieces, parsed as far as they can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from archivist.imaging.metadata import irb, jpeg_parts, png_parts
from archivist.imaging.metadata.blocks import read_block
from archivist.imaging.metadata.ifd import BrokenDirectory, Buffer, Directory, Order
from archivist.imaging.metadata.ifd_read import Reader
from archivist.imaging.metadata.jpeg_parts import Segment
from archivist.imaging.metadata.png_parts import Chunk
from archivist.imaging.metadata.source import (
    ICC_TAG,
    IPTC_TAG,
    IRB_TAG,
    SAMPLE_TAGS,
    STRUCTURE,
    XMP_TAG,
    SourceMetadata,
)
from archivist.imaging.metadata.xmp import BrokenXmp, Packet


class ExifFields(TypedDict):
    """The Exif of a page: its block, byte order and directories."""

    block: bytes | None
    order: Order
    ifd0: Directory | None
    ifd1: Directory | None


def collect(data: Buffer, page: int = 0) -> SourceMetadata:
    """Return the metadata of a page of a JPEG, PNG or TIFF file.

    ``data`` is the file (bytes or a mapping of them). Never raises for damaged metadata: what
    cannot be read is kept as bytes and named in ``problems``. Raises ValueError for other formats.
    """
    return collect_pages(data, (page,))[0]


def collect_pages(data: Buffer, pages: Sequence[int]) -> tuple[SourceMetadata, ...]:
    """Return the metadata of some pages, as :func:`collect`; a TIFF is searched for pages once."""
    head = bytes(data[:8])
    if head.startswith(b"\xff\xd8"):
        return tuple(_collect_jpeg(data) for _ in pages)
    if head == b"\x89PNG\r\n\x1a\n":
        return tuple(_collect_png(data) for _ in pages)
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _collect_tiff(data, pages)
    raise ValueError("neither JPEG nor PNG nor TIFF")


# --- JPEG -----------------------------------------------------------------------------------


def _collect_jpeg(data: Buffer) -> SourceMetadata:
    exif, main, extended = None, None, list[bytes]()
    icc: dict[int, bytes] = {}
    photoshop, comments, others = bytearray(), list[bytes](), list[Segment]()
    for segment in jpeg_parts.segments(data):
        marker, payload = segment.marker, segment.payload
        if marker == jpeg_parts.APP1 and payload.startswith(jpeg_parts.EXIF) and exif is None:
            exif = payload[6:]
        elif marker == jpeg_parts.APP1 and payload.startswith(jpeg_parts.XMP) and main is None:
            main = payload[len(jpeg_parts.XMP) :]
        elif marker == jpeg_parts.APP1 and payload.startswith(jpeg_parts.XMP_EXTENSION):
            extended.append(payload[len(jpeg_parts.XMP_EXTENSION) :])
        elif marker == jpeg_parts.APP2 and payload.startswith(jpeg_parts.ICC):
            icc.setdefault(payload[12], payload[14:])
        elif marker == jpeg_parts.APP13 and payload.startswith(jpeg_parts.PHOTOSHOP):
            photoshop += payload[len(jpeg_parts.PHOTOSHOP) :]
        elif marker == jpeg_parts.COM:
            comments.append(payload)
        elif not _is_coding(segment):
            others.append(segment)
    resources, problems = _resources(bytes(photoshop))
    if problems:
        others.append(Segment(jpeg_parts.APP13, jpeg_parts.PHOTOSHOP + bytes(photoshop)))
    fields, exif_problems = exif_fields(exif)
    extension, xmp_problems = _extension(main, extended)
    if xmp_problems:
        others += [Segment(jpeg_parts.APP1, jpeg_parts.XMP_EXTENSION + part) for part in extended]
    return SourceMetadata(
        format="jpeg",
        **fields,
        xmp=main,
        xmp_extension=extension,
        icc=b"".join(icc[number] for number in sorted(icc)) or None,
        resources=resources,
        iptc=irb.find(resources, irb.IPTC),
        comments=tuple(comments),
        segments=tuple(others),
        trailer=jpeg_parts.trailer_size(bytes(data)),
        problems=(*exif_problems, *problems, *xmp_problems),
    )


def _is_coding(segment: Segment) -> bool:
    # JFIF and Adobe's APP14 say how the samples are coded: the encoder writes its own.
    return segment.marker == jpeg_parts.APP14 or (
        segment.marker == jpeg_parts.APP0 and segment.payload.startswith(b"JFIF\0")
    )


def _extension(main: bytes | None, parts: Sequence[bytes]) -> tuple[bytes | None, list[str]]:
    if not parts:
        return None, []
    try:
        guid = Packet.parse(main or b"").get("xmpNote:HasExtendedXMP") or ""
    except BrokenXmp:
        guid = parts[0][:32].decode("latin-1")
    found = jpeg_parts.extended_xmp(parts, guid.encode("latin-1", "replace"))
    return found, [] if found is not None else ["the extension of the XMP packet is incomplete"]


def exif_fields(block: bytes | None) -> tuple[ExifFields, list[str]]:
    """Return an Exif block as the fields of a page, and what of it cannot be read."""
    fields: ExifFields = {"block": block, "order": "<", "ifd0": None, "ifd1": None}
    if block is None:
        return fields, []
    try:
        first, second = read_block(block)
    except BrokenDirectory as error:
        return fields, [f"the Exif block cannot be read whole: {error}"]
    fields |= {"order": first.order, "ifd0": first, "ifd1": second}
    return fields, []


# --- PNG ------------------------------------------------------------------------------------

_CODED = {b"IHDR", b"PLTE", b"tRNS", b"IEND", b"iCCP", b"pHYs"}


def _collect_png(data: Buffer) -> SourceMetadata:
    exif, packet, icc, others = None, None, None, list[Chunk]()
    resources: tuple[irb.Resource, ...] = ()
    iptc, problems = None, list[str]()
    for chunk in png_parts.chunks(data):
        profile = png_parts.raw_profile(chunk)
        if chunk.kind == b"eXIf" and exif is None:
            exif = chunk.data
        elif chunk.kind == b"iTXt" and png_parts.keyword(chunk) == "XML:com.adobe.xmp":
            packet = png_parts.text(chunk)
        elif chunk.kind == b"iCCP":
            icc = png_parts.profile(chunk)
        elif profile is not None and profile[0] in ("exif", "APP1") and exif is None:
            exif = profile[1].removeprefix(jpeg_parts.EXIF)
        elif profile is not None and profile[0] in ("iptc", "8bim"):
            resources, iptc = _png_resources(profile[1])
        elif chunk.kind not in _CODED or _is_aspect(chunk):
            others.append(chunk)
    fields, exif_problems = exif_fields(exif)
    return SourceMetadata(
        format="png",
        **fields,
        xmp=packet,
        icc=icc,
        resources=resources,
        iptc=iptc,
        chunks=tuple(others),
        problems=(*exif_problems, *problems),
    )


def _is_aspect(chunk: Chunk) -> bool:
    # pHYs without a unit only says the shape of a pixel, which no resolution in dpi repeats.
    return chunk.kind == b"pHYs" and chunk.data[8:9] == b"\0"


def _png_resources(data: bytes) -> tuple[tuple[irb.Resource, ...], bytes | None]:
    found, problems = _resources(data.removeprefix(jpeg_parts.PHOTOSHOP))
    return ((), data) if problems else (found, irb.find(found, irb.IPTC))


def _resources(block: bytes) -> tuple[tuple[irb.Resource, ...], list[str]]:
    try:
        return irb.parse(block), []
    except irb.BrokenResources as error:
        return (), [f"Photoshop's resources cannot be read: {error}"]


# --- TIFF -----------------------------------------------------------------------------------

_PHOTOMETRIC, _YCBCR = 262, 6


def _collect_tiff(data: Buffer, wanted: Sequence[int]) -> tuple[SourceMetadata, ...]:
    reader = Reader.of(data)
    pages, parts = list[int](), 0
    for at in reader.chain():
        if is_part(reader, at):
            parts += 1
        else:
            pages.append(at)
    if max(wanted, default=0) >= len(pages):
        raise ValueError(f"the file has no page {max(wanted)}")
    return tuple(
        _collect_tiff_page(data, pages[page], parts if page == 0 else 0) for page in wanted
    )


def _collect_tiff_page(data: Buffer, at: int, parts: int) -> SourceMetadata:
    # A reader of its own: it follows each pointer once, and two pages may share a directory.
    reader = Reader.of(data)
    whole = reader.read(at, "IFD0")
    resources, problems = _resources(_bytes_of(whole, IRB_TAG) or b"")
    # In a page stored as YCbCr these describe its samples; elsewhere they came with a JPEG's Exif.
    ycbcr = SAMPLE_TAGS if reader.number(at, _PHOTOMETRIC) == _YCBCR else ()
    return SourceMetadata(
        format="tiff",
        order=reader.order,
        ifd0=whole.without(*STRUCTURE, *ycbcr),
        xmp=_bytes_of(whole, XMP_TAG),
        icc=_bytes_of(whole, ICC_TAG),
        resources=resources,
        iptc=_bytes_of(whole, IPTC_TAG) or irb.find(resources, irb.IPTC),
        parts=parts,
        problems=tuple(problems),
    )


def is_part(reader: Reader, at: int) -> bool:
    """Tell whether the directory at an offset is a reduced copy or a mask, no page of its own."""
    kind, photometric = (reader.number(at, tag) for tag in (254, _PHOTOMETRIC))
    return bool((kind or 0) & 5) or photometric == 4


def _bytes_of(directory: Directory, tag: int) -> bytes | None:
    entry = directory.get(tag)
    return None if entry is None or entry.broken else entry.value
