"""How wide damage is: what can be filled from its rim, and what is a stain or a missing part."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

NARROW = 14.0
"""Pixels of width up to which damage is narrow: a scratch, a hair, dust, a crease."""


def thick_parts(candidates: NDArray[np.bool_], limit: float) -> NDArray[np.bool_]:
    """Return those pixels of a mask that belong to parts wider than ``limit`` pixels."""
    depth = cv2.distanceTransform(candidates.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    core = depth > limit / 2
    if not core.any():
        return core
    return grow(core, int(np.ceil(limit / 2)) + 1) & candidates


def grow(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Return the mask dilated by a disc of this radius."""
    if pixels == 0:
        return mask
    side = 2 * pixels + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc), np.bool_)
