"""Decoding the pages of a scan into upright pictures, in memory."""

from __future__ import annotations

from io import BytesIO

from tifffile import TiffFile, TiffPage

from archivist.api.errors import SourceError
from archivist.imaging import jpeg, png, tiff
from archivist.imaging.orient import upright
from archivist.imaging.page import PageFacts
from archivist.imaging.picture import Picture, Samples
from archivist.imaging.probe import read_facts, sniff
from archivist.imaging.refuse import refusal
from archivist.imaging.tiff_pixels import colours_and_alpha, reader_of


class Pages:
    """The pages of a file's content. The headers of a TIFF are read once, at the first page.

    Not for two threads at the same time.
    """

    def __init__(self, data: bytes, max_pixels: int) -> None:
        self._data, self._max_pixels = data, max_pixels
        self._tiff: tuple[list[TiffPage], int] | None = None

    def page(self, number: int) -> Picture:
        """Return one page (from 0), upright; see :func:`decode`. Raises SourceError."""
        facts, pixels, alpha = self._stored(number)
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

    def _stored(self, number: int) -> tuple[PageFacts, Samples, Samples | None]:
        """Return what the header says, the stored pixels and the stored alpha of a page."""
        data = self._data
        kind = sniff(data[:16])
        if kind == "tiff":
            return self._stored_tiff(number)
        if number != 0:
            raise no_such_page(number, 1)
        (facts,) = read_facts(data, max_pixels=self._max_pixels)
        if kind == "jpeg":
            return facts, jpeg.read_pixels(data, facts), None
        return facts, *png.read_pixels(data, facts)

    def _stored_tiff(self, number: int) -> tuple[PageFacts, Samples, Samples | None]:
        with tiff.broken_is_refused():
            if self._tiff is None:
                self._tiff = tiff.asset_pages(TiffFile(BytesIO(self._data)))
            pages, left_out = self._tiff
            if not 0 <= number < len(pages):
                raise no_such_page(number, len(pages))
            page = pages[number]
            facts = tiff.page_facts(page, len(self._data), self._max_pixels, left_out)
            reader = reader_of(page, self._data, 0)
            samples = reader.read((0, page.imagelength, 0, page.imagewidth))
            return facts, *colours_and_alpha(samples, page, facts.header)


def open_pages(data: bytes, *, max_pixels: int) -> Pages:
    """Return the pages of a file's content, for reading one after the other."""
    return Pages(data, max_pixels)


def decode(data: bytes, page: int = 0, *, max_pixels: int) -> Picture:
    """Return one page of a file's content, upright, with the depth and channels of the scan.

    Palettes become their colours (grey when all are grey), 1, 2 and 4 bits become 8, WhiteIsZero is
    inverted, alpha is kept beside the colours. Values are otherwise those of the file: no colour
    conversion. Raises SourceError with a code of :mod:`archivist.imaging.refuse`.
    """
    return open_pages(data, max_pixels=max_pixels).page(page)


def no_such_page(page: int, pages: int) -> SourceError:
    """Return the error of a page number (from 0) that the file does not have."""
    return refusal(
        "damaged", f"the file has {pages} pages, no page {page + 1}", "run archivist scan again"
    )
