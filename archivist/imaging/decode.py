"""Decoding one page of a scan into an upright picture, in memory."""

from __future__ import annotations

from io import BytesIO

from tifffile import TiffFile

from archivist.api.errors import SourceError
from archivist.imaging import jpeg, png, tiff
from archivist.imaging.orient import upright
from archivist.imaging.page import PageFacts
from archivist.imaging.picture import Picture, Samples
from archivist.imaging.probe import read_facts, sniff
from archivist.imaging.refuse import refusal
from archivist.imaging.tiff_pixels import SegmentReader, colours_and_alpha


def decode(data: bytes, page: int = 0, *, max_pixels: int) -> Picture:
    """Return one page of a file's content, upright, with the depth and channels of the scan.

    Palettes become their colours (grey when all are grey), 1, 2 and 4 bits become 8, WhiteIsZero is
    inverted, alpha is kept beside the colours. Values are otherwise those of the file: no colour
    conversion. Raises SourceError with a code of :mod:`archivist.imaging.refuse`.
    """
    pages = read_facts(data, max_pixels=max_pixels)
    if not 0 <= page < len(pages):
        raise no_such_page(page, len(pages))
    facts = pages[page]
    pixels, alpha = _stored(data, page, facts)
    orientation = facts.header.orientation
    return Picture(
        pixels=upright(pixels, orientation),
        colour=facts.header.colour,
        depth=pixels.itemsize * 8,
        icc=facts.icc,
        alpha=None if alpha is None else upright(alpha, orientation),
        header=facts.header,
        associated=facts.associated,
    )


def no_such_page(page: int, pages: int) -> SourceError:
    """Return the error of a page number (from 0) that the file does not have."""
    return refusal(
        "damaged", f"the file has {pages} pages, no page {page + 1}", "run archivist scan again"
    )


def _stored(data: bytes, page: int, facts: PageFacts) -> tuple[Samples, Samples | None]:
    kind = sniff(data[:16])
    if kind == "jpeg":
        return jpeg.read_pixels(data, facts), None
    if kind == "png":
        return png.read_pixels(data, facts)
    with tiff.broken_is_refused(), TiffFile(BytesIO(data)) as tif:
        found = tiff.asset_pages(tif)[0][page]
        window = (0, found.imagelength, 0, found.imagewidth)
        samples = SegmentReader(found, cache_bytes=0).read(window)
        return colours_and_alpha(samples, found, facts.header)
