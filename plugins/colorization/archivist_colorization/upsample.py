"""Colour of low resolution, brought to full resolution along the edges of the lightness.

A fast guided filter (He and Sun, 2015): in small windows a and b are fitted as linear functions of
lightness at low resolution; the functions are enlarged, not the colours, and applied to the
lightness of full resolution. Colour edges so come to lie on lightness edges, without a contributed
build of OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RADIUS = 4
"""Half width of a window, in pixels of the low resolution."""

SOFTNESS = 0.02**2
"""Variance of lightness (0..1) below which a window counts as flat and colour is averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourField:
    """Colour as a function of place and lightness, made by :func:`fit`.

    All arrays are (h, w, 2): ``slope`` and ``offset`` of the linear functions, and the lowest and
    highest a and b nearby, which no result leaves: texture then makes no new colours.
    """

    slope: Floats
    offset: Floats
    lowest: Floats
    highest: Floats

    def rows(self, guide: Floats, first: int, height: int) -> Floats:
        """Return a and b (n, w, 2) for n rows of the lightness ``guide`` (n, w) in 0..1.

        ``first`` is the number of the first row in the whole picture of ``height`` rows.
        """
        slope, offset, lowest, highest = (
            _enlarged_rows(field, first, height, guide.shape)
            for field in (self.slope, self.offset, self.lowest, self.highest)
        )
        return np.clip(slope * guide[..., None] + offset, lowest, highest)


def fit(ab: Floats, guide: Floats, radius: int = RADIUS, softness: float = SOFTNESS) -> ColourField:
    """Fit a and b (h, w, 2) to the lightness ``guide`` (h, w) in 0..1 of the same size."""
    if ab.shape[:2] != guide.shape:
        raise ValueError(f"colour is {ab.shape[:2]}, lightness {guide.shape}; give one size")
    side = 2 * radius + 1
    light = guide[..., None]
    mean_light, mean_ab = _blurred(light, side), _blurred(ab, side)
    variance = _blurred(light * light, side) - mean_light**2
    covariance = _blurred(light * ab, side) - mean_light * mean_ab
    slope = covariance / (np.maximum(variance, 0) + softness)
    window = np.ones((side, side), np.uint8)
    return ColourField(
        slope=_blurred(slope, side),
        offset=_blurred(mean_ab - slope * mean_light, side),
        lowest=cv2.erode(ab, window),
        highest=cv2.dilate(ab, window),
    )


def _blurred(field: Floats, side: int) -> Floats:
    found = cv2.blur(field, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.asarray(found, np.float32).reshape(field.shape)


def _enlarged_rows(field: Floats, first: int, height: int, shape: tuple[int, ...]) -> Floats:
    """Return some rows of a bilinear enlargement to ``height`` rows, as if all were computed."""
    low = field.shape[0]
    place = (np.arange(first, first + shape[0]) + 0.5) * low / height - 0.5
    place = np.clip(place, 0, low - 1)
    upper = np.floor(place).astype(np.intp)
    share = (place - upper).astype(np.float32)[:, None, None]
    rows = field[upper] * (1 - share) + field[np.minimum(upper + 1, low - 1)] * share
    return np.asarray(cv2.resize(rows, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))
