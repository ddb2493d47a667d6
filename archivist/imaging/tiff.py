"""Reading the headers of TIFF and BigTIFF: which pages are assets, and what is in them.

An asset is a page of the main chain that is a picture of its own. Reduced copies (NewSubfileType
bit 0), transparency masks (bit 2) and SubIFDs are parts of another page, no assets; they are left
out here, and the layout text of the first page says how many of them the file has.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tifffile import TIFF, TiffFile, TiffFileError, TiffPage

from archivist.api import Colour
from archivist.api.errors import SourceError
from archivist.hashing import digest_bytes
from archivist.imaging import refuse
from archivist.imaging.exif_block import dots_per_inch
from archivist.imaging.page import PageFacts
from archivist.model import Header

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, _MASK, _YCBCR = 0, 1, 2, 3, 4, 6
_REFUSED_COLOURS = {5: "CMYK TIFF", 8: "Lab TIFF", 9: "Lab (ICC) TIFF", 10: "Lab (ITU) TIFF"}
_CAMERA_RAW = {32803, 34892}
_UNCOMPRESSED, _OLD_JPEG, JPEG = 1, 6, 7
_RATIOS = {_UNCOMPRESSED: 1, 5: 4096, 8: 1040, 32946: 1040, 32773: 64}
"""The most bytes that one compressed byte can stand for: a bound against lying headers."""
_ASSOCIATED, _UNASSOCIATED = 1, 2
_REDUCED, _TRANSPARENCY = 1, 4

BROKEN = (
    TiffFileError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RuntimeError,  # the codecs' errors are of this class
    TypeError,
    ValueError,
    struct.error,
)
"""What tifffile and the codecs raise for a broken file."""

# tifffile logs what it finds odd; without a handler the last resort would print it to stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@contextmanager
def broken_is_refused() -> Iterator[None]:
    """Turn what the TIFF library raises for a broken file into the refusal of the scan."""
    try:
        yield
    except SourceError:
        raise
    except BROKEN as error:
        raise refuse.damaged(f"the TIFF file is damaged ({error})") from error


def read_facts(stream: BinaryIO, size: int, max_pixels: int) -> tuple[PageFacts, ...]:
    """Return what the headers of all asset pages say. Raises SourceError."""
    with broken_is_refused(), TiffFile(stream) as tif:
        pages, left_out = asset_pages(tif)
        return tuple(page_facts(page, size, max_pixels, left_out) for page in pages)


def asset_pages(tif: TiffFile) -> tuple[list[TiffPage], int]:
    """Return the pages that are assets, in file order, and how many others there are."""
    pages = _chain(tif)
    if not pages:
        raise refuse.truncated("the TIFF file ends before its first page")
    if _next_page(pages[-1]):
        raise refuse.truncated(f"the TIFF file breaks off after page {len(pages)}")
    assets = [page for page in pages if not _is_part(page)]
    if not assets:
        raise refuse.layout(
            "a TIFF file without a full-size page (camera raw or thumbnails only)",
            "develop the raw file to a 16-bit TIFF",
        )
    sub = sum(len(page.subifds or ()) for page in assets)
    return assets, len(pages) - len(assets) + sub


def _chain(tif: TiffFile) -> list[TiffPage]:
    """Return all pages of the main chain; the library would follow a circle for ever."""
    pages: dict[int, TiffPage] = {}
    for found in tif.pages:
        page = found.aspage()
        if page.offset in pages:
            raise refuse.damaged(f"the pages of the TIFF file lead from {len(pages)} back to one")
        pages[page.offset] = page
    return list(pages.values())


def _next_page(page: TiffPage) -> int:
    """Return the file offset of the page after this one, 0 when it is the last.

    The library stops quietly at an offset that leads nowhere, which would lose pages.
    """
    form, handle = page.parent.tiff, page.parent.filehandle
    handle.seek(page.offset)
    (tags,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
    handle.seek(page.offset + form.tagnosize + tags * form.tagsize)
    field = handle.read(form.offsetsize)
    return int(struct.unpack(form.offsetformat, field)[0]) if len(field) == form.offsetsize else 0


def _is_part(page: TiffPage) -> bool:
    return bool(page.subfiletype & (_REDUCED | _TRANSPARENCY)) or page.photometric == _MASK


def page_facts(page: TiffPage, size: int, max_pixels: int, left_out: int = 0) -> PageFacts:
    """Return what the header of one page says, checked against the size of the file."""
    refuse.check_size(page.imagewidth, page.imagelength, max_pixels)
    _check_colour(page)
    _check_samples(page)
    _check_segments(page, size, max_pixels)
    icc = _profile(page)
    palette = page.photometric == PALETTE
    return PageFacts(
        header=Header(
            format="tiff",
            width=page.imagewidth,
            height=page.imagelength,
            colour=_colour(page),
            depth=_palette_depth(palette_of(page)) if palette else page.bitspersample,
            alpha=bool(page.extrasamples),
            palette=palette,
            orientation=_orientation(page),
            dpi=_dpi(page),
            icc_digest=digest_bytes(icc) if icc else None,
            layout=_layout(page, left_out if page.index == 0 else 0),
        ),
        icc=icc,
        associated=tuple(page.extrasamples) == (_ASSOCIATED,),
    )


def _check_colour(page: TiffPage) -> None:
    photometric = int(page.photometric)
    if photometric in _REFUSED_COLOURS:
        raise refuse.colour(_REFUSED_COLOURS[photometric])
    if photometric in _CAMERA_RAW:
        raise refuse.colour("camera raw (sensor) data in TIFF")
    if photometric == _YCBCR and page.compression != JPEG:
        raise refuse.colour("YCbCr TIFF without JPEG compression")
    if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, _YCBCR):
        raise refuse.colour(f"TIFF with photometric interpretation {photometric}")
    colours = 3 if photometric in (RGB, _YCBCR) else 1
    extra = page.samplesperpixel - colours
    if extra < 0:
        raise refuse.damaged(f"the TIFF header declares {page.samplesperpixel} samples of RGB")
    if extra and tuple(page.extrasamples) not in ((_ASSOCIATED,), (_UNASSOCIATED,)):
        raise refuse.colour(f"TIFF with {extra} extra channel(s) (infrared, spot colour or masks)")
    if extra and (photometric == PALETTE or page.bitspersample not in (8, 16)):
        raise refuse.colour("palette or bilevel TIFF with alpha")


def _check_samples(page: TiffPage) -> None:
    bits = page.bitspersample
    if page.sampleformat != 1:
        names = {2: "signed integers", 3: "floating point", 4: "undefined samples"}
        raise refuse.depth(f"TIFF with {names.get(page.sampleformat, 'complex samples')}")
    one_sample = page.samplesperpixel == 1
    allowed = (1, 2, 4, 8, 16) if one_sample else (8, 16)
    if bits not in allowed or (page.photometric == PALETTE and bits == 16):
        raise refuse.depth(f"TIFF with {bits} bits per sample")
    if page.imagedepth > 1:
        raise refuse.layout("a volumetric TIFF", "save each slice as a page")
    known = page.compression == _UNCOMPRESSED or page.compression in TIFF.DECOMPRESSORS
    if not known or page.compression == _OLD_JPEG:
        name = getattr(page.compression, "name", page.compression)
        raise refuse.layout(
            f"TIFF compression {name}", "save it with deflate compression or without any"
        )


def _check_segments(page: TiffPage, size: int, max_pixels: int) -> None:
    """Refuse a page whose strips or tiles cannot all be in the file."""
    if page.is_tiled:
        if page.tilewidth * page.tilelength > max(max_pixels, 1 << 24):
            raise refuse.damaged(f"the TIFF tiles are {page.tilewidth} x {page.tilelength} pixels")
        across, down = ceil(page.imagewidth / page.tilewidth), page.tilelength
        row_bytes = across * row_size(page, page.tilewidth)
        rows = ceil(page.imagelength / down) * down
    else:
        across, down = 1, page.rowsperstrip
        row_bytes, rows = row_size(page, page.imagewidth), page.imagelength
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    expected = across * ceil(page.imagelength / down) * planes
    offsets, counts = page.dataoffsets, page.databytecounts
    if len(offsets) < expected or len(counts) < expected:
        raise refuse.truncated(f"the TIFF page lists {len(offsets)} of {expected} strips or tiles")
    ends = [at + count for at, count in zip(offsets, counts, strict=False)][:expected]
    if max(ends) > size or not all(counts[:expected]) or not all(offsets[:expected]):
        raise refuse.truncated("the TIFF file ends before its pixels do")
    ratio = _RATIOS.get(int(page.compression))
    if ratio and sum(counts[:expected]) * ratio < rows * row_bytes * planes:
        raise refuse.truncated("the TIFF file holds fewer bytes than its pixels need")


def row_size(page: TiffPage, width: int) -> int:
    """Return the bytes of one uncompressed row of a strip or tile of this width."""
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    bits: int = width * samples * page.bitspersample
    return -(-bits // 8)


def palette_of(page: TiffPage) -> NDArray[np.uint16]:
    """Return the palette, uint16 (colours, 3). Raises SourceError when it is missing."""
    tag = page.tags.get(320)
    colours = 1 << page.bitspersample
    table = np.asarray(tag.value if tag is not None else (), np.uint16)
    if table.size != 3 * colours:
        raise refuse.damaged("the TIFF palette is missing or has the wrong size")
    return np.ascontiguousarray(table.reshape(3, colours).T)


def palette_samples(palette: NDArray[np.uint16]) -> NDArray[Any]:
    """Return a palette as uint8 when it was made from 8-bit colours, else as it is.

    Writers scale 8 bits by 257 or by 256; some old ones leave the values unscaled.
    """
    if not np.any(palette % 257):
        return (palette // 257).astype(np.uint8)
    if palette.max() < 256:
        return palette.astype(np.uint8)
    if not np.any(palette & 255):
        return (palette >> 8).astype(np.uint8)
    return palette


def _palette_depth(palette: NDArray[np.uint16]) -> int:
    return palette_samples(palette).itemsize * 8


def _colour(page: TiffPage) -> Colour:
    if page.photometric == PALETTE:
        table = palette_of(page)
        grey = bool((table == table[:, :1]).all())
    else:
        grey = page.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO)
    return Colour.GREY if grey else Colour.RGB


def _orientation(page: TiffPage) -> int:
    value = page.tags.valueof(274, default=1)
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


def _dpi(page: TiffPage) -> tuple[float, float] | None:
    values = [page.tags.valueof(code) for code in (282, 283)]
    if not all(isinstance(value, tuple) and len(value) == 2 for value in values):
        return None
    x, y = (above / below if below else 0.0 for above, below in values)
    return dots_per_inch(x, y, int(page.tags.valueof(296, default=2)))


def _profile(page: TiffPage) -> bytes | None:
    value = page.tags.valueof(34675)
    return bytes(value) if isinstance(value, bytes) and value else None


def _layout(page: TiffPage, left_out: int) -> str:
    words = [f"tiled {page.tilewidth}x{page.tilelength}" if page.is_tiled else "strips"]
    name = (
        getattr(page.compression, "name", str(page.compression))
        .lower()
        .removeprefix("adobe_")
        .replace("_", " ")
    )
    words.append("uncompressed" if page.compression == _UNCOMPRESSED else name)
    words.append("BigTIFF" if page.parent.is_bigtiff else "")
    words.append("big-endian" if page.parent.byteorder == ">" else "")
    words.append("planar" if page.planarconfig == 2 and page.samplesperpixel > 1 else "")
    words.append("white is zero" if page.photometric == WHITE_IS_ZERO else "")
    text = " ".join(word for word in words if word)
    return f"{text}, {left_out} reduced or mask pages left out" if left_out else text
