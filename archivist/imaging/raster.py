"""Pictures of any size, read and written by window: scans, arrays and scratch files.

``open_source`` reads a scan by window; :class:`ArrayRaster` and :class:`FileRaster` hold results.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffPage

from archivist.api import Colour
from archivist.imaging import probe, tiff
from archivist.imaging.decode import decode, no_such_page
from archivist.imaging.page import PageFacts
from archivist.imaging.storage import (
    ArrayRaster,
    FileRaster,
    Raster,
    Shape,
    UprightRaster,
    WideRaster,
    bands,
    copy_raster,
)
from archivist.imaging.tiff_pixels import CACHE_BYTES, SegmentReader, TiffRaster, reader_of
from archivist.model import Header

__all__ = [
    "ArrayRaster",
    "FileRaster",
    "Raster",
    "Shape",
    "SourceRaster",
    "UprightRaster",
    "WideRaster",
    "bands",
    "copy_raster",
    "open_each",
    "open_source",
    "value_digest",
]

_BAND_ROWS = 1280
"""Rows of a full-width band that a tiled step reads at a time: a tile of 1024 and its borders."""


class SourceRaster:
    """A page of a scan, upright and read-only, in the depth of the scan (uint8 or uint16).

    ``alpha`` is the opacity as a raster of one channel, or None; ``associated`` says that the
    colours are stored multiplied by it. Close it, or use it in a ``with`` statement; a forgotten
    one closes its file when it is collected.
    """

    def __init__(self, colours: Raster, alpha: Raster | None, facts: PageFacts) -> None:
        self._colours = colours
        self.alpha = alpha
        self.header: Header = facts.header
        self.icc = facts.icc
        self.associated = facts.associated
        self._closer: weakref.finalize[Any, Any] | None = None

    @property
    def colour(self) -> Colour:
        """What the channels mean."""
        return self.header.colour

    @property
    def depth(self) -> int:
        """Bits of a sample as read: 8 or 16."""
        return self.dtype.itemsize * 8

    @property
    def shape(self) -> Shape:
        """Height, width and channels of the upright page."""
        return self._colours.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """``uint8`` or ``uint16``."""
        return self._colours.dtype

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a window of the upright page. Raises SourceError when the file is damaged."""
        return self._colours.read(y0, y1, x0, x1)

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Refuse: a scan is never written to."""
        raise TypeError("a scan is read-only")

    def close_with(self, stream: BinaryIO) -> None:
        """Close this stream when the raster is closed or collected."""
        self._closer = weakref.finalize(self, stream.close)

    def close(self) -> None:
        """Close the file; windows can no longer be read."""
        if self._closer is not None:
            self._closer()

    def __enter__(self) -> SourceRaster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(
    path: Path, page: int = 0, *, max_pixels: int, scratch: Path | None = None
) -> SourceRaster:
    """Open one page of a scan for reading by window, upright.

    Of a TIFF only the strips or tiles that meet a window are decoded, and uncompressed ones are
    mapped. Two cases need the whole page: JPEG and PNG, and compressed strips that are too large or
    turned by 90 degrees, where each window would decode most of the page. They are decoded into
    memory; with ``scratch``, a folder, such strips are copied band by band into a file there, which
    the caller removes with the folder. Raises SourceError and OSError.
    """
    with path.open("rb") as stream:
        kind = probe.sniff(stream.read(16))
    if kind != "tiff":
        return _in_memory(path, page, max_pixels)
    stream = path.open("rb")
    try:
        source = _open_tiff(path, stream, page, max_pixels, scratch)
    except BaseException:
        stream.close()
        raise
    source.close_with(stream)
    return source


def open_each(path: Path, *, max_pixels: int) -> Generator[SourceRaster, None, None]:
    """Yield every page of a file, each to be read before the next is asked for.

    As :func:`open_source` for one page after the other, but the headers of a TIFF are read once.
    Close the iterator if it is left early. Raises SourceError and OSError.
    """
    with path.open("rb") as stream:
        if probe.sniff(stream.read(16)) != "tiff":
            yield _in_memory(path, 0, max_pixels)
            return
        stream.seek(0)
        with tiff.broken_is_refused():
            pages, _ = tiff.asset_pages(TiffFile(stream))
        for page in pages:
            yield _tiff_page(path, page, max_pixels, None)


def _in_memory(path: Path, page: int, max_pixels: int) -> SourceRaster:
    picture = decode(path.read_bytes(), page, max_pixels=max_pixels)
    facts = PageFacts(header=picture.header, icc=picture.icc, associated=picture.associated)
    alpha = None if picture.alpha is None else ArrayRaster(picture.alpha)
    return SourceRaster(ArrayRaster(picture.pixels), alpha, facts)


def _open_tiff(
    path: Path, stream: BinaryIO, number: int, max_pixels: int, scratch: Path | None
) -> SourceRaster:
    with tiff.broken_is_refused():
        pages, _ = tiff.asset_pages(TiffFile(stream))
        if not 0 <= number < len(pages):
            raise no_such_page(number, len(pages))
    return _tiff_page(path, pages[number], max_pixels, scratch)


def _tiff_page(path: Path, page: TiffPage, max_pixels: int, scratch: Path | None) -> SourceRaster:
    """Return a page of an open TIFF file as a raster."""
    with tiff.broken_is_refused():
        facts = tiff.page_facts(page, path.stat().st_size, max_pixels)
        colours, alpha = _stored_rasters(path, page, facts, scratch)
    turn = facts.header.orientation
    if turn == 1:
        return SourceRaster(colours, alpha, facts)
    turned = None if alpha is None else UprightRaster(alpha, turn)
    return SourceRaster(UprightRaster(colours, turn), turned, facts)


def _stored_rasters(
    path: Path, page: TiffPage, facts: PageFacts, scratch: Path | None
) -> tuple[Raster, Raster | None]:
    """Return colours and alpha of a page as stored."""
    reader = reader_of(page, path, CACHE_BYTES)
    spill = isinstance(reader, SegmentReader) and _costly_by_window(reader, page, facts.header)
    rasters = [TiffRaster(reader, page, facts.header, alpha=False)]
    if facts.header.alpha:
        rasters.append(TiffRaster(reader, page, facts.header, alpha=True))
    if not spill:
        return rasters[0], rasters[1] if len(rasters) > 1 else None
    copies = [_spilled(raster, scratch) for raster in rasters]
    return copies[0], copies[1] if len(copies) > 1 else None


def _costly_by_window(reader: SegmentReader, page: TiffPage, header: Header) -> bool:
    """Whether windows would decode the same strips again and again."""
    if page.is_tiled:
        return False
    return header.orientation >= 5 or reader.band_bytes(_BAND_ROWS) > CACHE_BYTES


def _spilled(raster: Raster, scratch: Path | None) -> Raster:
    """Return a copy of a raster, in a new file of the folder or in memory."""
    if scratch is None:
        copy: Raster = ArrayRaster(np.empty(raster.shape, raster.dtype))
    else:
        scratch.mkdir(parents=True, exist_ok=True)
        place = scratch / f"scan-{uuid4().hex}.npy"
        copy = FileRaster.create(place, raster.shape, raster.dtype)
    copy_raster(raster, copy)
    return copy


def value_digest(value: Raster | NDArray[Any]) -> str:
    """Return the SHA-256 (hex) of a picture's type, shape and samples.

    Equal for an array and a raster of the same samples; (height, width) equals (height, width, 1).
    Samples are hashed in little-endian order, so the digest is the same on any machine.
    """
    raster = ArrayRaster(_three_dimensional(value)) if isinstance(value, np.ndarray) else value
    kind = raster.dtype.newbyteorder("<")
    state = hashlib.sha256(f"{kind.str} {tuple(raster.shape)}\n".encode())
    for start, end in bands(raster):
        rows = raster.read(start, end, 0, raster.shape[1])
        state.update(np.ascontiguousarray(rows, kind).data)
    return state.hexdigest()


def _three_dimensional(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim > 3:
        return array.reshape(array.shape[0], array.shape[1], -1)
    return array.reshape(array.shape + (1,) * (3 - array.ndim))
