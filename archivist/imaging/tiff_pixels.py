"""Reading the pixels of a TIFF page by window: only the strips or tiles that meet it are decoded.

Memory: the decoded segments of the last windows are kept up to a limit, so that neighbouring
windows of one row of tiles decode each strip once.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffPage

from archivist.api import Colour
from archivist.imaging import refuse
from archivist.imaging.orient import Window
from archivist.imaging.picture import Samples
from archivist.imaging.tiff import broken_is_refused, palette_of, palette_samples
from archivist.imaging.tiff_checks import JPEG, PALETTE, WHITE_IS_ZERO
from archivist.model import Header

CACHE_BYTES = 192 << 20
"""Decoded segments kept; a row of 1024-pixel tiles of a 100-megapixel 16-bit scan is 72 MB."""


class SegmentReader:
    """The stored samples of one page, by window; the file of the page must stay open."""

    def __init__(self, page: TiffPage, cache_bytes: int) -> None:
        self._page = page
        self._cache: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._cached = 0
        self._limit = cache_bytes
        tiled = bool(page.is_tiled)
        self._rows = page.tilelength if tiled else page.rowsperstrip
        self._columns = page.tilewidth if tiled else page.imagewidth
        self._across = -(-page.imagewidth // self._columns)
        self._down = -(-page.imagelength // self._rows)
        self._planes = page.samplesperpixel if page.planarconfig == 2 else 1

    def band_bytes(self, rows: int) -> int:
        """Return the bytes of decoded segments that a full-width window of so many rows meets."""
        high = (rows // self._rows + 2) * self._rows
        page = self._page
        width = self._across * self._columns
        return int(high * width * page.samplesperpixel * page.dtype.itemsize)

    def read(self, window: Window) -> NDArray[Any]:
        """Return the stored samples of a window, (rows, columns, samples), native byte order."""
        y0, y1, x0, x1 = window
        page = self._page
        out = np.empty((y1 - y0, x1 - x0, page.samplesperpixel), page.dtype)
        for plane in range(self._planes):
            part = slice(plane, plane + 1) if self._planes > 1 else slice(None)
            for row in range(y0 // self._rows, -(-y1 // self._rows)):
                for column in range(x0 // self._columns, -(-x1 // self._columns)):
                    index = (plane * self._down + row) * self._across + column
                    self._paste(out[:, :, part], window, index, row, column)
        return out

    def _paste(self, out: NDArray[Any], window: Window, index: int, row: int, column: int) -> None:
        y0, y1, x0, x1 = window
        top, left = row * self._rows, column * self._columns
        segment = self._segment(index)
        bottom = min(y1, top + segment.shape[0])
        right = min(x1, left + segment.shape[1])
        upper, leftmost = max(y0, top), max(x0, left)
        out[upper - y0 : bottom - y0, leftmost - x0 : right - x0] = segment[
            upper - top : bottom - top, leftmost - left : right - left
        ]

    def _segment(self, index: int) -> NDArray[Any]:
        found = self._cache.get(index)
        if found is not None:
            self._cache.move_to_end(index)
            return found
        segment = self._decode(index)
        self._cache[index] = segment
        self._cached += segment.nbytes
        while self._cached > self._limit and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            self._cached -= oldest.nbytes
        return segment

    def _decode(self, index: int) -> NDArray[Any]:
        page = self._page
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        handle = page.parent.filehandle
        handle.seek(offset)
        data = handle.read(count)
        if page.compression == JPEG and b"\xff\xd9" not in data[-64:]:
            raise refuse.truncated("a JPEG strip or tile of the TIFF ends before its pixels do")
        tables = {"jpegtables": page.jpegtables} if page.jpegtables else {}
        segment, _, _ = page.decode(data, index, **tables)
        if segment is not None and page.bitspersample == 1:
            segment = segment.astype(np.bool_, copy=False)  # the fax codecs return bytes
        if segment is None or segment.dtype != page.dtype:
            raise refuse.damaged("a strip or tile of the TIFF does not fit its header")
        top = index // self._across % self._down * self._rows
        needed = min(self._rows, page.imagelength - top)
        if segment.shape[1] < needed:
            raise refuse.truncated("a strip or tile of the TIFF has too few rows")
        return np.asarray(segment[0])


class PlainReader:
    """The stored samples of an uncompressed page, straight from the file or its content.

    A file is mapped for each window and unmapped after it.
    """

    def __init__(self, file: Path | bytes, page: TiffPage) -> None:
        self._file, self._offset = file, page.dataoffsets[0]
        self._dtype = page.dtype.newbyteorder(page.parent.byteorder)
        self._planar = page.planarconfig == 2 and page.samplesperpixel > 1
        size = (page.imagelength, page.imagewidth)
        samples = page.samplesperpixel
        self._shape = (samples, *size) if self._planar else (*size, samples)

    def read(self, window: Window) -> NDArray[Any]:
        """Return the stored samples of a window, (rows, columns, samples), native byte order."""
        y0, y1, x0, x1 = window
        stored = self._stored()
        samples = np.moveaxis(stored, 0, -1) if self._planar else stored
        part = samples[y0:y1, x0:x1]
        return np.array(part, self._dtype.newbyteorder("="), order="C", subok=False)

    def _stored(self) -> NDArray[Any]:
        if isinstance(self._file, bytes):
            return np.ndarray(self._shape, self._dtype, self._file, self._offset)
        return np.memmap(self._file, self._dtype, "r", self._offset, self._shape)


def reader_of(page: TiffPage, file: Path | bytes, cache_bytes: int) -> PlainReader | SegmentReader:
    """Return the way to read a page; its TiffFile must stay open."""
    return PlainReader(file, page) if page.is_final else SegmentReader(page, cache_bytes)


class TiffRaster:
    """The colours, or the opacity, of a TIFF page as a raster, in stored orientation."""

    def __init__(
        self, reader: PlainReader | SegmentReader, page: TiffPage, header: Header, *, alpha: bool
    ) -> None:
        self._reader, self._page, self._header, self._alpha = reader, page, header, alpha
        depth = 16 if header.depth == 16 else 8
        self.dtype: np.dtype[Any] = np.dtype(f"uint{depth}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        channels = 1 if self._alpha or self._header.colour is Colour.GREY else 3
        return self._header.height, self._header.width, channels

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a window. Raises SourceError when the file is damaged there."""
        with broken_is_refused():
            samples = self._reader.read((y0, y1, x0, x1))
            colours, alpha = colours_and_alpha(samples, self._page, self._header)
        if not self._alpha:
            return colours
        assert alpha is not None
        return alpha[:, :, np.newaxis]

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Refuse: a scan is never written to."""
        raise TypeError("a scan is read-only")


def colours_and_alpha(
    samples: NDArray[Any], page: TiffPage, header: Header
) -> tuple[Samples, Samples | None]:
    """Return stored samples as colours (rows, columns, 1 or 3), 0 black, and alpha or None."""
    if page.photometric == PALETTE:
        table = palette_samples(palette_of(page))
        channels = 1 if header.colour is Colour.GREY else 3
        return table[:, :channels][samples[:, :, 0]], None
    samples = _full_range(samples, page.bitspersample)
    alpha = None
    if header.alpha:
        alpha = np.ascontiguousarray(samples[:, :, -1])
        samples = np.ascontiguousarray(samples[:, :, :-1])
    if page.photometric == WHITE_IS_ZERO:
        samples = np.iinfo(samples.dtype).max - samples
    return samples, alpha


def _full_range(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return samples of 1, 2 and 4 bits spread over 0..255."""
    if bits in (8, 16):
        return samples
    return samples.astype(np.uint8) * np.uint8(255 // ((1 << bits) - 1))
