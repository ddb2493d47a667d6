"""Whether a face is sharp and clean already, measured on its crop."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FINE, COARSE = 1.0, 3.0
"""Sigma in pixels below which detail is fine, and below which it is coarse."""
PATCH = 9
"""Side in pixels of the patches in which fine detail is measured."""
SHARP, CLEAN = 0.42, 8.0
"""Least of both measures for a good face. Of 20 held-out portraits 19 are good, aged and restored
two of 17, which had little to gain."""
FAINT = 1e-4
"""Detail below this is less than rounding to 8 bits leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """``sharpness``: fine over coarse detail of the face's middle; blur and fading edges lower it.

    ``clearness``: fine detail where there is most over that where there is least; noise, grain and
    paper, which are everywhere, bring it near to 1.
    """

    sharpness: float
    clearness: float

    @property
    def good(self) -> bool:
        """Tell whether there is detail, and quiet beside it."""
        return self.sharpness >= SHARP and self.clearness >= CLEAN


def quality(seen: Floats) -> Quality:
    """Measure a crop (side, side, 1 or 3), values 0..1, in the picture's own size."""
    grey = seen[..., 0] if seen.shape[2] == 1 else cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY)
    soft, softer = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (FINE, COARSE))
    fine, coarse = grey - soft, soft - softer
    rim = grey.shape[0] // 4
    middle = (slice(rim, -rim), slice(rim, -rim))
    here = np.sqrt(cv2.boxFilter(fine * fine, -1, (PATCH, PATCH)).clip(0))
    least, most = np.quantile(here, [0.05, 0.95])
    return Quality(
        sharpness=float(fine[middle].std() / max(float(coarse[middle].std()), FAINT)),
        clearness=float(most / max(float(least), FAINT)),
    )
