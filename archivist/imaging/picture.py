"""A decoded page, and the exact rules between 8 bits, 16 bits and floats.

Between two steps pixels are uint16, inside a step float32 in 0..1. A value v of 8 bits is
v * 257 in 16 bits and v / 255 as a float; both ways back are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archivist.api import Colour
from archivist.model import Header

Samples = NDArray[np.uint8] | NDArray[np.uint16]

ROWS = 256
"""Rows converted at a time, so that the temporary arrays stay small beside the picture."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """One page of a scan, upright.

    ``pixels`` is uint8 or uint16 (height, width, 1 or 3), 0 black; ``depth`` is 8 or 16 and fits
    it. ``alpha`` is opacity (height, width) of the same dtype, or None; with ``associated`` the
    colours are stored multiplied by it, as the scan has them. ``icc`` is the scan's colour profile,
    byte for byte. ``header`` describes the page as stored (before it was turned upright).
    """

    pixels: Samples
    colour: Colour
    depth: int
    icc: bytes | None
    alpha: Samples | None
    header: Header
    associated: bool = False

    @property
    def height(self) -> int:
        """Rows of the upright picture."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the upright picture."""
        return int(self.pixels.shape[1])


def to_float(pixels: Samples) -> NDArray[np.float32]:
    """Return uint8 or uint16 samples as float32 in 0..1; any shape.

    The division is rounded correctly, so that 8 bits and the same picture widened to 16 bits give
    the same floats.
    """
    out = pixels.astype(np.float32)
    out /= np.float32(np.iinfo(pixels.dtype).max)
    return out


def quantise(pixels: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return float32 samples in 0..1 as uint16, rounded to nearest; values outside are clipped.

    Undoes :func:`to_float` exactly. Raises ValueError for NaN, which has no grey value.
    """
    out = np.empty(pixels.shape, np.uint16)
    for start in range(0, pixels.shape[0], ROWS):
        band = pixels[start : start + ROWS]
        if np.isnan(np.min(band, initial=1.0)):
            raise ValueError("NaN cannot be written as a pixel value")
        scaled = np.clip(band, 0.0, 1.0).astype(np.float32, copy=False)
        scaled *= np.float32(65535)
        np.rint(scaled, out=scaled)
        out[start : start + ROWS] = scaled
    return out


def widen(pixels: Samples) -> NDArray[np.uint16]:
    """Return samples as uint16: 8-bit values times 257, 16-bit values as they are."""
    if pixels.dtype == np.uint16:
        return pixels.astype(np.uint16, copy=False)
    out = pixels.astype(np.uint16)
    out *= np.uint16(257)
    return out


def to_depth(pixels: NDArray[np.uint16], depth: int) -> Samples:
    """Return uint16 samples at a depth of 8 or 16 bits; 257 * k becomes k, others the nearest.

    Raises ValueError for another depth.
    """
    if depth == 16:
        return pixels
    if depth != 8:
        raise ValueError(f"depth must be 8 or 16, not {depth}")
    out = np.empty(pixels.shape, np.uint8)
    for start in range(0, pixels.shape[0], ROWS):
        wide = pixels[start : start + ROWS].astype(np.uint32)
        wide *= 255  # (255 v + 32895) >> 16 is v / 257 rounded, for all 16-bit v (libpng)
        wide += 32895
        wide >>= 16
        out[start : start + ROWS] = wide
    return out
