"""How far two pictures of one size are apart, measured at full size in bands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from archivist.imaging.storage import Raster, bands
from archivist.report.differing import wide


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How two pictures differ, over all samples; differences run from 0 to 1.

    ``share`` is of pixels of which any channel differs; ``psnr`` is the peak signal-to-noise ratio
    in decibels, infinite for equal pictures.
    """

    share: float
    mean: float
    largest: float
    psnr: float


def measure(first: Raster, second: Raster) -> Measure:
    """Return how two rasters of the same shape differ; 8 bits are widened to 16."""
    height, width, channels = first.shape
    changed, total, squares, largest = 0, 0.0, 0.0, 0
    for top, bottom in bands(first):
        one = wide(first.read(top, bottom, 0, width)).astype(np.int32)
        two = wide(second.read(top, bottom, 0, width)).astype(np.int32)
        distance = np.abs(one - two)
        changed += int((distance > 0).any(axis=2).sum())
        total += float(distance.sum(dtype=np.float64))
        squares += float(np.square(distance, dtype=np.float64).sum())
        largest = max(largest, int(distance.max(initial=0)))
    samples = height * width * channels
    mse = squares / samples / 65535**2
    return Measure(
        share=changed / (height * width),
        mean=total / samples / 65535,
        largest=largest / 65535,
        psnr=math.inf if mse == 0 else -10 * math.log10(mse),
    )
