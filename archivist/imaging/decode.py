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
from archivist.imaging.tiff_pixels import colours_and_alpha, reader_of


def decode(data: bytes, page: int = 0, *, max_pixels: int) -> Picture:
    """Return one page of a file's content, upright, with the depth and channels of the scan.

    Palettes become their colours (grey when all are grey), 1, 2 and 4 bits become 8, WhiteIsZero is
    inverted, alpha is kept beside the colours. Values are otherwise those of the file: no colour
    conversion. Raises SourceError with a code of :mod:`archivist.imaging.refuse`.
    """
    facts, pixels, alpha = _stored(data, page, max_pixels)
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


def _stored(data: bytes, number: int, max_pixels: int) -> tuple[PageFacts, Samples, Samples | None]:
    """Return what the header says, the stored pixels and the stored alpha of a page."""
    kind = sniff(data[:16])
    if kind == "tiff":
        return _stored_tiff(data, number, max_pixels)
    if number != 0:
        raise no_such_page(number, 1)
    (facts,) = read_facts(data, max_pixels=max_pixels)
    if kind == "jpeg":
        return facts, jpeg.read_pixels(data, facts), None
    return facts, *png.read_pixels(data, facts)


def _stored_tiff(
    data: bytes, number: int, max_pixels: int
) -> tuple[PageFacts, Samples, Samples | None]:
    with tiff.broken_is_refused(), TiffFile(BytesIO(data)) as tif:
        pages, left_out = tiff.asset_pages(tif)
        if not 0 <= number < len(pages):
            raise no_such_page(number, len(pages))
        page = pages[number]
        facts = tiff.page_facts(page, len(data), max_pixels, left_out)
        samples = reader_of(page, data, 0).read((0, page.imagelength, 0, page.imagewidth))
        return facts, *colours_and_alpha(samples, page, facts.header)
