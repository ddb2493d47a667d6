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
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffFileError, TiffPage

from archivist.api import Colour
from archivist.api.errors import SourceError
from archivist.hashing import digest_bytes
from archivist.imaging import refuse
from archivist.imaging.exif_block import dots_per_inch
from archivist.imaging.page import PageFacts
from archivist.imaging.tiff_checks import (
    ASSOCIATED,
    BLACK_IS_ZERO,
    MASK,
    PALETTE,
    UNCOMPRESSED,
    WHITE_IS_ZERO,
    check_colour,
    check_samples,
    check_segments,
)
from archivist.model import Header

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
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
        facts = []
        for number, page in enumerate(pages, 1):
            with refuse.of_page(number, len(pages)):
                facts.append(page_facts(page, size, max_pixels, left_out))
        return tuple(facts)


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
    return bool(page.subfiletype & (_REDUCED | _TRANSPARENCY)) or page.photometric == MASK


def page_facts(page: TiffPage, size: int, max_pixels: int, left_out: int = 0) -> PageFacts:
    """Return what the header of one page says, checked against the size of the file."""
    refuse.check_size(page.imagewidth, page.imagelength, max_pixels)
    check_colour(page)
    check_samples(page)
    check_segments(page, size, max_pixels)
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
        associated=tuple(page.extrasamples) == (ASSOCIATED,),
    )


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
    words.append("uncompressed" if page.compression == UNCOMPRESSED else name)
    words.append("BigTIFF" if page.parent.is_bigtiff else "")
    words.append("big-endian" if page.parent.byteorder == ">" else "")
    words.append("planar" if page.planarconfig == 2 and page.samplesperpixel > 1 else "")
    words.append("white is zero" if page.photometric == WHITE_IS_ZERO else "")
    text = " ".join(word for word in words if word)
    return f"{text}, {left_out} reduced or mask pages left out" if left_out else text
