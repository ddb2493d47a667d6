"""Which regions of a scan are described, and how its pixels are prepared for the network."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_torch.degrade import luma

Pixels = NDArray[np.float32]
Region = tuple[int, int, int, int]
"""x, y, width, height in pixels of the upright scan."""

SIGHT = 224
"""The network sees as many pixels as a square of this side, whatever the shape of a region."""
ROOM = 2 * SIGHT
"""A grid of n x n is used for scans of the area of a square of this side times n / 2."""
OVERLAP = 1 / 3
"""Part of a region's side that it shares with its neighbour: what lies on a border of one is inside
another."""
SLIMMEST = 8.0
"""Regions more drawn out than this are squeezed to it: panoramas of any length cost the same."""
FAINTEST = 4 / 255
"""Range of tones under which a picture is blank paper; stretching it would show noise alone."""


def regions_of(width: int, height: int, finest_grid: int) -> tuple[Region, ...]:
    """Return the regions of a scan that are described: the whole, then those of each grid by rows.

    A scan has 1, 5, 14 or 30 of them; where they lie depends on its size alone. On photographs of
    1024 px, a picture of a detail of 0.35 of the sides found its place first in 0.68 of all cases
    with the whole alone, in 0.95 with the grid of 2 x 2, in 0.96 with that of 3 x 3 too.
    """
    found = [(0, 0, width, height)]
    for count in range(2, finest_grid + 1):
        if math.sqrt(width * height) < ROOM * count / 2:
            break
        rows, columns = _spans(height, count), _spans(width, count)
        found += [(x, y, w, h) for y, h in rows for x, w in columns]
    return tuple(dict.fromkeys(found))


def working_copy(pixels: Pixels, smallest: Region) -> tuple[Pixels, float, float]:
    """Return a scan (height, width, 1 or 3) in grey, and its pixels for one of the scan, x and y.

    It is reduced only so far that ``smallest``, the smallest region to be seen, still has twice the
    side that the network looks at: the scan is then read once, not once for each region.
    """
    height, width = pixels.shape[:2]
    factor = 2 * SIGHT / math.sqrt(smallest[2] * smallest[3])
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if factor < 1:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    grey = luma(pixels) if pixels.ndim == 3 and pixels.shape[2] == 3 else pixels
    grey = grey.reshape(grey.shape[:2])
    return grey, grey.shape[1] / width, grey.shape[0] / height


def cut(grey: Pixels, region: Region, across: float, down: float) -> Pixels:
    """Return a region of a working copy, at least one pixel of it."""
    x, y, width, height = region
    left, top = min(int(x * across), grey.shape[1] - 1), min(int(y * down), grey.shape[0] - 1)
    right, bottom = round((x + width) * across), round((y + height) * down)
    return grey[top : max(bottom, top + 1), left : max(right, left + 1)]


def prepare(grey: Pixels) -> Pixels:
    """Return what the network is shown of a region (height, width): values -1..1.

    About SIGHT x SIGHT pixels in the region's own shape, in grey, the tones between the first and
    the last hundredth stretched: a faded print must be found by a good one. What is all of one tone
    becomes all -1.
    """
    small = _resized(grey)
    low, high = np.percentile(small, (1, 99))
    stretched = (small - low) / max(high - low, FAINTEST)
    return np.asarray(np.clip(stretched, 0, 1) * 2 - 1, np.float32)


def _resized(grey: Pixels) -> Pixels:
    height, width = grey.shape
    shape = min(max(width / height, 1 / SLIMMEST), SLIMMEST)
    size = (round(SIGHT * math.sqrt(shape)), round(SIGHT / math.sqrt(shape)))
    smaller = size[0] * size[1] < width * height
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, size, interpolation=how), np.float32)


def _spans(side: int, count: int) -> list[tuple[int, int]]:
    """Return start and length of ``count`` overlapping parts of a side, from edge to edge."""
    length = min(side, math.ceil(side / (count - OVERLAP * (count - 1))))
    return [(round((side - length) * n / (count - 1)), length) for n in range(count)]
