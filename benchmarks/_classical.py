"""What a digitisation team can do to an old photograph without any network: the baselines.

Pictures are float32 (height, width, 3), values 0..1; masks are bool, True where damaged.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Region = NDArray[np.bool_]
Chain = Callable[[Pixels, Region], Pixels]

RADIUS = 3
"""How far around a pixel Telea's filling looks; the value of OpenCV's examples."""
DENOISE = 6.0
"""Strength of non-local means, for lightness and colour alike: twice OpenCV's default."""
STRETCHED = (0.01, 0.99)
"""Quantiles of lightness that the stretch brings to black and white."""


def telea(pixels: Pixels, mask: Region) -> Pixels:
    """Fill masked pixels from their rims (Telea 2004); all others stay."""
    if not mask.any() or mask.all():
        return pixels
    filled = cv2.inpaint(_bytes(pixels), mask.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)
    return np.where(mask[..., None], _floats(filled), pixels)


def median_and_telea(pixels: Pixels, mask: Region) -> Pixels:
    """Fill masked pixels, then take the median of 3 x 3 against dust and noise."""
    return _floats(cv2.medianBlur(_bytes(telea(pixels, mask)), 3))


def denoise_and_stretch(pixels: Pixels, mask: Region) -> Pixels:
    """Non-local means, grey-world white balance, contrast stretch; the mask is not used."""
    bgr = np.ascontiguousarray(_bytes(pixels)[..., ::-1])  # OpenCV's order, for its own Lab
    calm = cv2.fastNlMeansDenoisingColored(bgr, None, DENOISE, DENOISE, 7, 21)[..., ::-1]
    return stretched(grey_world(_floats(calm)))


def all_of_it(pixels: Pixels, mask: Region) -> Pixels:
    """Fill and take the median, then denoise, balance and stretch."""
    return denoise_and_stretch(median_and_telea(pixels, mask), mask)


def grey_world(pixels: Pixels) -> Pixels:
    """Scale each channel so that all have the mean of the whole."""
    means = pixels.mean(axis=(0, 1))
    gains = means.mean() / np.maximum(means, 1e-3)
    return np.clip(pixels * gains, 0, 1).astype(np.float32)


def stretched(pixels: Pixels) -> Pixels:
    """Bring the 1 % darkest to black and the 1 % lightest to white, all channels alike."""
    low, high = np.quantile(pixels.mean(axis=2), STRETCHED)
    return np.clip((pixels - low) / max(high - low, 1e-3), 0, 1).astype(np.float32)


CHAINS: dict[str, Chain] = {
    "median, Telea": median_and_telea,
    "NL means, grey world, stretch": denoise_and_stretch,
    "all of these": all_of_it,
}


def _bytes(pixels: Pixels) -> NDArray[np.uint8]:
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def _floats(samples: NDArray[np.uint8]) -> Pixels:
    return samples.astype(np.float32) / np.float32(255)
