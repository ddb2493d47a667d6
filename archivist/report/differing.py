"""How far pictures are apart, pixel by pixel, and how that adds up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNITS = 257
"""Samples are compared in 16 bits; so many of these are one step of 8 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two pictures differ: share of pixels 0..1, mean and largest difference 0..1."""

    share: float
    mean: float
    largest: float


class Differences:
    """Adds up how much pixels differ, band by band."""

    def __init__(self) -> None:
        self.pixels = self.changed = 0
        self._sum = 0.0
        self._largest = 0

    def add(self, distance: NDArray[np.uint16], tolerance: int) -> None:
        """Take the distances of a band; those up to ``tolerance`` (of 65535) count as none."""
        self.pixels += distance.size
        self.changed += int((distance > tolerance).sum())
        self._sum += float(distance.sum(dtype=np.float64))
        self._largest = max(self._largest, int(distance.max(initial=0)))

    def result(self) -> Difference:
        """Return how much all of it differs."""
        return Difference(
            share=self.changed / self.pixels,
            mean=self._sum / self.pixels / 65535,
            largest=self._largest / 65535,
        )


def wide(pixels: NDArray[Any]) -> NDArray[np.uint16]:
    """Return samples of 8 or 16 bits as 16."""
    return pixels if pixels.dtype == np.uint16 else pixels.astype(np.uint16) * UNITS


def distance(first: NDArray[np.uint16], second: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the largest difference of any channel, pixel by pixel; grey counts as three equal."""
    larger, smaller = np.maximum(first, second), np.minimum(first, second)
    found: NDArray[np.uint16] = (larger - smaller).max(axis=2)
    return found
