"""The perceptual hash: what a picture looks like, in 64 bits, from a reduced decode."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import imagehash
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from archivist.imaging.decode import Pages, open_pages
from archivist.imaging.orient import upright
from archivist.imaging.raster import Raster, open_source
from archivist.model import Header

_Samples = NDArray[Any]
"""uint8 or uint16 of shape (height, width, channels)."""

SIDE = 256
"""Pictures are reduced to about this many pixels on the long side before they are hashed."""

_FLAT = 8
"""A picture of fewer grey levels shows nothing: its hash would be that of its noise."""

_IN_BANDS = 16_000_000
"""Pixels above which a TIFF is read in bands: 16 MP of 16-bit RGB are 96 MB."""

_ALONE = 64_000_000
"""Pixels above which only one picture is decoded at a time, for the TIFFs that have no bands."""

_BAND_BYTES = 16 << 20
"""Bytes of pixels that are read at a time from a large TIFF."""

_one_large = threading.Lock()
"""Held while a large picture is decoded whole, so that the peaks of readers do not add up."""


def perceptual_hash(
    file: Path,
    data: bytes | None,
    page: int,
    header: Header,
    *,
    max_pixels: int,
    pages: Pages | None = None,
) -> str | None:
    """Return the 64-bit pHash of a page as 16 hex digits, or None for a picture of one tone.

    ``data`` is the content of the file when it is in memory, ``pages`` the same when it was opened
    for all of its pages. Near duplicates (another size,
    compression, exposure) differ in few bits, see :mod:`archivist.scan.duplicates`. The whole page
    is decoded on the way, so that a truncated file is noticed here. Raises SourceError or OSError.
    """
    return hash_of_pixels(_reduced(file, data, page, header, max_pixels, pages))


def hash_of_pixels(grey: NDArray[np.uint8]) -> str | None:
    """Return the pHash of upright grey pixels (height, width), or None for one tone."""
    if int(np.ptp(grey)) < _FLAT:
        return None
    return str(imagehash.phash(Image.fromarray(grey)))


def _reduced(
    file: Path,
    data: bytes | None,
    page: int,
    header: Header,
    max_pixels: int,
    opened: Pages | None,
) -> NDArray[np.uint8]:
    if header.format == "jpeg" and data is not None:
        small = _drafted(data, header)
        if small is not None:
            return small
    pixels = header.width * header.height
    in_bands = header.format == "tiff" and (data is None or pixels > _IN_BANDS)
    with _one_large if pixels > (_ALONE if in_bands else _IN_BANDS) else nullcontext():
        if in_bands:
            with open_source(file, page, max_pixels=max_pixels) as raster:
                return _by_bands(raster)
        if opened is None:
            content = file.read_bytes() if data is None else data
            opened = open_pages(content, max_pixels=max_pixels)
        return _whole(opened, page)


def _drafted(data: bytes, header: Header) -> NDArray[np.uint8] | None:
    """Return a JPEG reduced while it is decoded, which takes a fifth of the time.

    None when the decoder finds fault: then :class:`Pages` decides whether it matters, and says how.
    """
    try:
        small = simplejpeg.decode_jpeg(data, colorspace="GRAY", min_height=SIDE, min_width=SIDE)
    except ValueError:
        return None
    return _grey(upright(small, header.orientation))


def _whole(opened: Pages, page: int) -> NDArray[np.uint8]:
    pixels = opened.page(page).pixels
    return _grey(_area_mean(pixels, _factor(pixels.shape[0], pixels.shape[1])))


def _by_bands(raster: Raster) -> NDArray[np.uint8]:
    height, width, channels = raster.shape
    factor = _factor(height, width)
    row_bytes = width * channels * raster.dtype.itemsize
    rows = max(1, _BAND_BYTES // row_bytes // factor) * factor
    bands = [
        _area_mean(raster.read(top, min(top + rows, height), 0, width), factor)
        for top in range(0, height, rows)
    ]
    return _grey(np.concatenate(bands))


def _factor(height: int, width: int) -> int:
    return max(1, max(height, width) // SIDE)


def _area_mean(pixels: _Samples, factor: int) -> _Samples:
    """Reduce (height, width, channels) by a whole factor; always three axes."""
    height, width = (max(1, side // factor) for side in pixels.shape[:2])
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.atleast_3d(small)


def _grey(pixels: _Samples) -> NDArray[np.uint8]:
    """Return (height, width) of 8 bits."""
    shift = 8 * (pixels.dtype.itemsize - 1)
    small = (pixels >> shift).astype(np.uint8)
    if small.shape[2] == 1:
        return np.ascontiguousarray(small[:, :, 0])
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
