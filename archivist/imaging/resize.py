"""Shrinking a picture of any size by area means, band by band: access copies and thumbnails."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.imaging.storage import ArrayRaster, Raster, bands


def shrunk_size(height: int, width: int, max_side: int) -> tuple[int, int]:
    """Return height and width with the longer side at most ``max_side``; never enlarged."""
    longest = max(height, width)
    if max_side <= 0 or longest <= max_side:
        return height, width
    return tuple(max(1, round(side * max_side / longest)) for side in (height, width))  # type: ignore[return-value]


def shrink(raster: Raster, max_side: int) -> Raster:
    """Return a uint8 or uint16 raster whose longer side is at most ``max_side`` pixels.

    Each new pixel is the mean of the area that it covers, in the encoding of the picture. The
    raster itself is returned when it is small enough; ``max_side`` 0 means no limit.
    """
    height, width, channels = raster.shape
    high, wide = shrunk_size(height, width, max_side)
    if (high, wide) == (height, width):
        return raster
    sums = np.zeros((high, wide * channels), np.float32)
    for y0, y1 in bands(raster):
        rows = raster.read(y0, y1, 0, width)
        narrow = _across(rows, wide).reshape(y1 - y0, wide * channels)
        first, shares = _shares(y0, y1, height, high)
        sums[first : first + shares.shape[0]] += shares @ narrow
    np.rint(sums, out=sums)
    return ArrayRaster(sums.reshape(high, wide, channels).astype(raster.dtype))


def _across(rows: NDArray[Any], wide: int) -> NDArray[np.float32]:
    """Return rows (rows, columns, channels) shrunk along the columns only, float32."""
    size = (wide, rows.shape[0])
    return np.asarray(cv2.resize(rows.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def _shares(y0: int, y1: int, height: int, high: int) -> tuple[int, NDArray[np.float32]]:
    """Return the first new row that old rows y0..y1 reach, and their shares in each new row.

    The shares are (new rows, old rows); those of one new row over all bands sum to one.
    """
    ratio = height / high
    first, last = int(y0 / ratio), min(high, int(np.ceil(y1 / ratio)))
    new = np.arange(first, last)[:, np.newaxis] * ratio
    old = np.arange(y0, y1)[np.newaxis, :]
    covered = np.minimum(new + ratio, old + 1) - np.maximum(new, old)
    return first, (np.clip(covered, 0, None) / ratio).astype(np.float32)
