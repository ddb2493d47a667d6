"""Boxes as arrays (n, 4) of left, top, right, bottom in pixels; edges lie between pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


def distinct(boxes: Floats, scores: Floats, limit: float, *, nested: bool = False) -> Indices:
    """Return the indices of boxes to keep, best score first (non-maximum suppression).

    A box is dropped when it shares more than ``limit`` with a better one: of the area that both
    cover together, or with ``nested`` of the area of the smaller box, so that a box inside of
    another goes too.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left):
        best, others = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[others, :2])
        high = np.minimum(boxes[best, 2:], boxes[others, 2:])
        common = np.prod(np.maximum(high - low, 0), axis=1)
        smaller = np.minimum(areas[best], areas[others])
        whole = smaller if nested else areas[best] + areas[others] - common
        left = others[common <= limit * whole]
    return np.array(kept, np.intp)


def square(boxes: Floats) -> Floats:
    """Return boxes of equal middles whose sides are the longer of the two."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def moved(boxes: Floats, offsets: Floats) -> Floats:
    """Return boxes whose four edges are moved by shares of their own width and height."""
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return boxes + offsets * size


def patches(pixels: Floats, boxes: Floats, side: int) -> Floats:
    """Cut square boxes out of ``pixels`` (h, w, 3) and resize them to (n, 3, side, side).

    What lies outside of the picture is 0, as when the networks were trained.
    """
    height, width = pixels.shape[:2]
    cut = np.zeros((len(boxes), side, side, 3), np.float32)
    for target, box in zip(cut, np.rint(boxes).astype(int), strict=True):
        left, top, right, bottom = box
        size = max(1, right - left, bottom - top)
        whole = np.zeros((size, size, 3), np.float32)
        x, y = slice(max(left, 0), min(right, width)), slice(max(top, 0), min(bottom, height))
        if x.start < x.stop and y.start < y.stop:
            inside = pixels[y, x]
            first, second = y.start - top, x.start - left
            whole[first : first + inside.shape[0], second : second + inside.shape[1]] = inside
        method = cv2.INTER_AREA if size >= side else cv2.INTER_LINEAR
        cv2.resize(whole, (side, side), dst=target, interpolation=method)
    return np.ascontiguousarray(cut.transpose(0, 3, 1, 2))
