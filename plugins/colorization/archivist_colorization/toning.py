"""Whether a photograph is in colour, or grey or toned: a print of one hue.

A toned print is a curve: each lightness has one colour, and where stains or paper make it stronger
or weaker they do so along the same hue. What leaves the curve across that hue, or leaves it far,
is colour. A colour photograph keeps it when faded or muted, so both are measured on the scale of
the eye (:mod:`archivist_colorization.compact.chroma`) and not against the strength of the tint.
A single hue that no print has, such as the green of a meadow, is colour too.
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
SHARES = (90.0, 98.0, 99.5)
"""Percent of a picture that lie within..."""
ACROSS, FAR = (2.1, 4.2, 5.5), (5.2, 9.4, 13.0)
"""...these distances from the curve, across the hue of the tint and in any direction. Of 620 prints
of 1900 to 1940, stains, ink and mounts and all, 95 % are within; of 587 colour photographs, 5 %."""
PURE = 2.6
"""A picture this near to its curve (98 % of it) is a toned print in whatever hue: a cyanotype."""
WEAK, STRONG = 6.5, 24.0
"""Chroma that 98 % of a picture stay below: a tint that may have any hue, as selenium's purple; and
the strongest tint that prints have."""
WARM = (40.0, 112.0)
"""Hues of brown and sepia in degrees, red being 0 and yellow 90."""

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Numbers = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toning:
    """How colourful a photograph is, chroma in units of the eye.

    ``tint`` is the median chroma, ``strongest`` what 98 % stay below, ``hue`` of the mean in
    degrees; ``variety`` is how far colours leave the curve of the tint, 1 being the most that
    prints do; ``far`` is the distance that 98 % stay below.
    """

    tint: float
    strongest: float
    hue: float
    variety: float
    far: float

    @property
    def coloured(self) -> bool:
        """Whether it is a colour photograph."""
        return self.variety >= 1 or not self.printlike

    @property
    def printlike(self) -> bool:
        """Whether the tint is one that prints have."""
        warm = WARM[0] < self.hue < WARM[1]
        hue = warm or self.strongest < WEAK or self.far < PURE
        return hue and self.strongest < STRONG

    @property
    def grey(self) -> bool:
        """Whether not even a tint is there."""
        return self.strongest < 1


def assess(pixels: Pixels) -> Toning:
    """Measure pixels, grey (h, w) or RGB (h, w, 3), uint8 or uint16, of any size."""
    if pixels.ndim == 2:
        return Toning(tint=0.0, strongest=0.0, hue=0.0, variety=0.0, far=0.0)
    light, ab = _reduced(pixels)
    apart = ab - _curve(light, ab)
    across = np.abs(apart @ np.linalg.eigh(ab.T @ ab)[1][:, 0])
    far = np.hypot(*apart.T)
    found = [np.percentile(x, SHARES) / limits for x, limits in ((across, ACROSS), (far, FAR))]
    mean, chroma = ab.mean(axis=0), np.hypot(*ab.T)
    return Toning(
        tint=float(np.linalg.norm(np.median(ab, axis=0))),
        strongest=float(np.percentile(chroma, 98)),
        hue=float(np.degrees(np.arctan2(mean[1], mean[0]))),
        variety=float(np.max(found)),
        far=float(np.percentile(far, 98)),
    )


def _reduced(pixels: Pixels) -> tuple[Numbers, Numbers]:
    """Return L (n) and a and b on the scale of the eye (n, 2) of a reduced copy."""
    height, width = working_size(*pixels.shape[:2], AREA)
    floats = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    small = cv2.resize(floats, (width, height), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 1.0), cv2.COLOR_RGB2Lab).reshape(-1, 3)
    return lab[:, 0], np.asarray(compressed(lab[:, 1:]), np.float32)


def _curve(light: Numbers, ab: Numbers) -> Numbers:
    """Return, for each pixel, the median colour of its step of lightness."""
    step = np.clip(light / 100 * STEPS, 0, STEPS - 1).astype(np.intp)
    curve = np.zeros_like(ab)
    for one in range(STEPS):
        chosen = step == one
        if chosen.any():
            curve[chosen] = np.median(ab[chosen], axis=0)
    return curve
