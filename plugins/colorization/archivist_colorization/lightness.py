"""The lightness of a picture as whole numbers of its own bit depth.

Lightness here is the grey level of the same luminance: a grey pixel's lightness is its value. Lab's
L is a function of it, so two pictures with equal lightness have equal L, without any rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from archivist_colorization.lab import XYZ_OF_RGB, decoded, root

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

LUMINANCE = XYZ_OF_RGB[1]
ROWS = 1 << 20
"""Pixels converted at a time, so that memory does not grow with the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What each of the 256 or 65,536 levels means.

    ``light``: luminance 0..1 of a grey pixel; ``roots``: f(Y) = (L + 16) / 116 of it; ``limits``:
    luminances at which one level ends and the next begins, -inf first and inf last, so level k is
    ``limits[k] <= luminance < limits[k + 1]``.
    """

    top: int
    light: NDArray[np.float64]
    roots: NDArray[np.float64]
    limits: NDArray[np.float64]

    def luminance(self, rgb: Pixels) -> NDArray[np.float64]:
        """Return the luminance 0..1 of RGB pixels (..., 3)."""
        return self.light[rgb] @ LUMINANCE


@cache
def scale_of(dtype: np.dtype[np.generic]) -> Scale:
    """Return the scale of uint8 or uint16. Raises TypeError for other types."""
    if dtype not in (np.uint8, np.uint16):
        raise TypeError(f"pixels are {dtype}; give uint8 or uint16")
    top = int(np.iinfo(dtype).max)
    light = decoded(np.arange(top + 1) / top)
    between = decoded((np.arange(top) + 0.5) / top)
    limits = np.concatenate([[-np.inf], between, [np.inf]])
    return Scale(top=top, light=light, roots=root(light), limits=limits)


def lightness_of(pixels: Pixels) -> Pixels:
    """Return the lightness (h, w) of grey (h, w) or RGB (h, w, 3) pixels, in their own type.

    Grey pixels are their own lightness. Raises ValueError for other shapes, TypeError for types
    other than uint8 and uint16.
    """
    scale = scale_of(pixels.dtype)
    if pixels.ndim == 2:
        return pixels.copy()
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels are {pixels.shape}; give (h, w) or (h, w, 3)")
    found = np.empty(pixels.shape[:2], pixels.dtype)
    for rows in bands(*found.shape):
        found[rows] = np.searchsorted(scale.limits[1:-1], scale.luminance(pixels[rows]), "right")
    return found


def bands(height: int, width: int, pixels: int = ROWS) -> list[slice]:
    """Return slices of rows that cover the height, each of about ``pixels`` pixels."""
    step = max(1, pixels // max(1, width))
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]
