"""The blending of the authors' program, step by step: proof that each step is understood.

It works on 8 bits, and its margins are in pixels of the picture whatever the face's size, so a
small face vanishes from its mask. Refinement uses :mod:`archivist_faces.alignment` instead.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_faces.sampling import Array, bicubic, bilinear, grid

Bytes = NDArray[np.uint8]

ERODE, ROUNDS, BLUR = 9, 3, 25
"""Sides of the kernels in pixels of the picture; erosion is done three times."""


def cut(image: Bytes, matrix: Array, side: int) -> Array:
    """Return the crop (side, side, 3) in 0..1; black beyond the picture."""
    x, y = grid(matrix, range(side), range(side))
    return bilinear(image / 255.0, x, y)


def rounded(crop: Array) -> Bytes:
    """Return the crop in 8 bits, as the detection stage saves it."""
    return np.rint(crop * 255).astype(np.uint8)


def match_histograms(face: Bytes, crop: Array) -> Bytes:
    """Return the face with the crop's histogram, by a table of 256 entries for each channel.

    The blending stage cuts the crop a second time and truncates it to 8 bits, where the detection
    stage rounds.
    """
    truncated = (crop * 255.0).astype(np.uint8)
    channels = [_table(face[..., c], truncated[..., c])[face[..., c]] for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _table(face: Bytes, crop: Bytes) -> NDArray[np.intp]:
    """Return, for each level, the first whose share of the crop's pixels is as large."""
    own, wanted = (np.cumsum(np.bincount(v.ravel(), minlength=256)) / v.size for v in (face, crop))
    return np.minimum(np.searchsorted(wanted, own, side="left"), 255)


def blend(image: Bytes, face: Bytes, matrix: Array) -> NDArray[np.float64]:
    """Return the picture (h, w, 3) in 0..1 with the face warped back and blended in."""
    height, width = image.shape[:2]
    side = face.shape[0]
    x, y = grid(np.linalg.inv(matrix), range(height), range(width))
    drawn = np.clip(bicubic(face / 255.0, x, y), face.min() / 255, face.max() / 255)
    inside = (np.rint(x) >= 0) & (np.rint(x) < side) & (np.rint(y) >= 0) & (np.rint(y) < side)
    eroded = cv2.erode(inside * 255.0, np.ones((ERODE, ERODE), np.uint8), iterations=ROUNDS)
    mask = (cv2.GaussianBlur(eroded, (BLUR, BLUR), 0) / 255)[..., None]
    return np.asarray(drawn * mask + (1 - mask) * image / 255.0)
