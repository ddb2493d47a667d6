"""Pixels between pixels, exactly: bilinear and bicubic samples in the precision of the input.

OpenCV's warps round positions to 1/32 px, which is visible in 16 bits; here nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

Weigh = Callable[[Array], list[Array]]


def grid(matrix: Array, rows: range, columns: range) -> tuple[Array, Array]:
    """Return x and y, (len(rows), len(columns)), that ``matrix`` (2 or 3, 3) maps pixels to."""
    y, x = np.meshgrid(np.array(rows, float), np.array(columns, float), indexing="ij")
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2],
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2],
    )


def bilinear(image: Array, x: Array, y: Array, *, extend: bool = False) -> Array:
    """Sample ``image`` (h, w, channels) at ``x`` and ``y``, where integers are pixel middles.

    Outside of the image is 0, or with ``extend`` the nearest pixel of its edge.
    """
    return _sample(image, x, y, _linear, 0, extend)


def bicubic(image: Array, x: Array, y: Array, *, extend: bool = False) -> Array:
    """Sample as :func:`bilinear` does, by Catmull-Rom splines; results may overshoot."""
    return _sample(image, x, y, _cubic, 1, extend)


def _linear(t: Array) -> list[Array]:
    return [1 - t, t]


def _cubic(t: Array) -> list[Array]:
    return [
        t * (-1 + t * (2 - t)) / 2,
        (2 + t * t * (3 * t - 5)) / 2,
        t * (1 + t * (4 - 3 * t)) / 2,
        t * t * (t - 1) / 2,
    ]


def _sample(image: Array, x: Array, y: Array, weigh: Weigh, before: int, extend: bool) -> Array:
    left, top = np.floor(x), np.floor(y)
    across, down = weigh((x - left).astype(image.dtype)), weigh((y - top).astype(image.dtype))
    first_x, first_y = left.astype(np.intp) - before, top.astype(np.intp) - before
    result = np.zeros((*x.shape, image.shape[2]), image.dtype)
    for j, vertical in enumerate(down):
        for i, horizontal in enumerate(across):
            share = vertical * horizontal
            result += share[..., None] * _pixels(image, first_x + i, first_y + j, extend)
    return result


def _pixels(image: Array, x: NDArray[np.intp], y: NDArray[np.intp], extend: bool) -> Array:
    height, width = image.shape[:2]
    near_x, near_y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    found = image[near_y, near_x]
    if not extend:
        found[(near_x != x) | (near_y != y)] = 0
    return found
