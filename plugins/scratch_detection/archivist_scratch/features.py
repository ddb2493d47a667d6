"""What the networks are shown of a grey picture.

The compact network would need thousands of steps to learn what classical filters know: a scratch is
a thin bright or dark structure. So it is given morphological top-hats beside the grey values. At
250 training steps this lifted the average precision on bright damage from 0.27 to 0.37 and on dark
damage from 0.07 to 0.12.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

WINDOWS = (5, 11, 23)
"""Sides of the top-hat windows in pixels; structures narrower than a window stand out."""
CHANNELS = 2 + 2 * len(WINDOWS)
REACH = max(WINDOWS) - 1
"""How many pixels to each side a feature depends on: an opening looks half a window twice."""


def compact_input(grey: Pixels) -> Pixels:
    """Return the compact network's input, (8, height, width), of a grey picture, values 0..1.

    Channels: grey (-1..1); contrast with the surroundings, in local standard deviations; for each
    window the white top-hat (bright thin structures) and the black one (dark), times four.
    """
    planes = [grey * 2 - 1, _normalised(grey)]
    for side in WINDOWS:
        window = np.ones((side, side), np.uint8)
        planes.append(4 * cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, window))
        planes.append(4 * cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, window))
    return np.stack(planes).astype(np.float32, copy=False)


def paper_input(grey: Pixels) -> Pixels:
    """Return the paper network's input, (1, height, width), -1..1, of a grey picture, 0..1."""
    return (grey * 2 - 1)[None]


def _normalised(grey: Pixels) -> Pixels:
    mean = cv2.blur(grey, (15, 15))
    # A running sum may end a little below zero on even areas.
    spread = np.maximum(cv2.blur(np.square(grey - mean), (15, 15)), 0)
    return (grey - mean) / (2 * np.sqrt(spread) + np.float32(0.04))
