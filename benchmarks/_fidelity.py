"""How near a restored picture is to its truth: the measures of the benchmarks of restoration.

Pictures are float arrays (height, width, 3), values 0..1. They are rounded to 8 bits first, as a
file would hold them; the formulas are those the field uses for published tables.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_torch.perceptual import feature_distance

Pixels = NDArray[np.floating]
Region = NDArray[np.bool_]

STUDIO = np.array([65.481, 128.553, 24.966]) / 255
"""Weights of BT.601 luma in studio range, 16..235."""


def eight_bits(pixels: Pixels) -> NDArray[np.float64]:
    """Return the samples as a file of 8 bits would hold them, 0..255."""
    return np.rint(np.clip(pixels, 0, 1).astype(np.float64) * 255)


def luma(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return BT.601 studio luma (height, width) of samples 0..255."""
    return 16 + samples @ STUDIO


def psnr(result: Pixels, truth: Pixels, where: Region | None = None, *, rgb: bool = False) -> float:
    """Return the PSNR in dB, of luma or of all channels, everywhere or ``where`` it is True.

    Equal pictures have no noise: inf. An empty region has no PSNR: nan.
    """
    samples = [eight_bits(picture) for picture in (result, truth)]
    first, second = samples if rgb else [luma(sample) for sample in samples]
    error = (first - second) ** 2
    error = error if where is None else error[where]
    if not error.size:
        return math.nan
    mean = float(error.mean())
    return 10 * math.log10(255**2 / mean) if mean else math.inf


def ssim(result: Pixels, truth: Pixels) -> float:
    """Return the structural similarity of luma (Wang et al. 2004): 11 x 11 Gaussian, sigma 1.5.

    Only windows that lie wholly in the picture count.
    """
    x, y = (luma(eight_bits(picture)) for picture in (result, truth))
    kernel = cv2.getGaussianKernel(11, 1.5)

    def mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return cv2.sepFilter2D(plane, cv2.CV_64F, kernel, kernel)[5:-5, 5:-5]

    mean_x, mean_y = mean(x), mean(y)
    spread = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    common = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * common + c2)
    return float((likeness / ((mean_x**2 + mean_y**2 + c1) * (spread + c2))).mean())


def features(result: Pixels, truth: Pixels) -> float:
    """Return the feature distance of EfficientNet-Lite0, 0 for equal pictures; no LPIPS."""
    first, second = (
        torch.from_numpy(eight_bits(picture) / 127.5 - 1).permute(2, 0, 1)[None].float()
        for picture in (result, truth)
    )
    return float(feature_distance(first, second))
