"""Whether a photograph is in colour, or grey or toned: a print of one hue.

A toned print is a curve: each lightness has one colour, and where stains or paper make it stronger
or weaker they do so along the same hue. What leaves the curve across that hue, or leaves it far,
is colour. A colour photograph keeps it when faded or muted, so both are measured on the scale of
the eye (:mod:`archivist_colorization.compact.chroma`) and not against the strength of the tint.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_colorization.compact.chroma import compressed
from archivist_colorization.inference import working_size

AREA = 128 * 128
"""Pixels that are looked at: grain and the colour noise of JPEG are gone there."""
STEPS = 12
"""Steps of lightness, each of which has one colour in a toned print."""
ACROSS, FAR = 2.1, 5.2
"""Units of chroma. A photograph is in colour when a tenth of it leaves the curve by more than
ACROSS across the hue of the tint, or by more than FAR in any direction."""

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toning:
    """How colourful a photograph is, in units of chroma as the eye sees it.

    ``tint`` is the median chroma; ``across`` and ``far`` are what nine tenths of the picture stay
    below: their distance from the curve of the tint, across its hue and in any direction.
    """

    tint: float
    across: float
    far: float

    @property
    def coloured(self) -> bool:
        """Whether it is a colour photograph."""
        return self.across >= ACROSS or self.far >= FAR

    @property
    def grey(self) -> bool:
        """Whether not even a tint is there."""
        return max(self.tint, self.far) < 1


def assess(pixels: Pixels) -> Toning:
    """Measure pixels, grey (h, w) or RGB (h, w, 3), uint8 or uint16, of any size."""
    if pixels.ndim == 2:
        return Toning(tint=0.0, across=0.0, far=0.0)
    light, ab = _reduced(pixels)
    apart = ab - _curve(light, ab)
    across = np.linalg.eigh(ab.T @ ab)[1][:, 0]
    return Toning(
        tint=float(np.linalg.norm(np.median(ab, axis=0))),
        across=float(np.percentile(np.abs(apart @ across), 90)),
        far=float(np.percentile(np.hypot(*apart.T), 90)),
    )


def _reduced(pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return L (n) and a and b on the scale of the eye (n, 2) of a reduced copy."""
    height, width = working_size(*pixels.shape[:2], AREA)
    floats = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    small = cv2.resize(floats, (width, height), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 1.0), cv2.COLOR_RGB2Lab).reshape(-1, 3)
    return lab[:, 0], np.asarray(compressed(lab[:, 1:]), np.float32)


def _curve(light: NDArray[np.float32], ab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return, for each pixel, the median colour of its step of lightness."""
    step = np.clip(light / 100 * STEPS, 0, STEPS - 1).astype(np.intp)
    curve = np.zeros_like(ab)
    for one in range(STEPS):
        chosen = step == one
        if chosen.any():
            curve[chosen] = np.median(ab[chosen], axis=0)
    return curve
