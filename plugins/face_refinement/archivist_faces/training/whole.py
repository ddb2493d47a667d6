"""Whole faces, cut out as the step does, and where in the crop the descriptor looks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_faces.alignment import crop, place
from archivist_faces.fitting import LEAST, MULTIPLE, fitted
from archivist_faces.identity import SIDE
from archivist_faces.training.pairs import Pair
from archivist_faces.training.portraits import Bytes, Portrait

MOST = 288
"""Largest side in pixels; larger faces are reduced. The crops of three in four of our portraits are
smaller at 512 px, and one of 640 px would cost as much as 16 windows."""
OTHER_SIDE = [1, 0, 2, 4, 3]
"""The landmarks' order when a face is mirrored."""

Points = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A degraded crop of a face and its truth, uint8 RGB (side, side, 3), and its landmarks."""

    degraded: Bytes
    truth: Bytes
    landmarks: Points

    def mirrored(self) -> Whole:
        """Return the face as a mirror shows it."""
        marks = self.landmarks[OTHER_SIDE] * (-1, 1) + (self.truth.shape[1] - 1, 0)
        return Whole(degraded=self.degraded[:, ::-1], truth=self.truth[:, ::-1], landmarks=marks)

    def looked_at(self) -> NDArray[np.float32]:
        """Return the matrix (3, 3) from pixels of the descriptor's crop to pixels of this one."""
        return place(self.landmarks, SIDE).matrix.astype(np.float32)


def of_pair(pair: Pair) -> Whole:
    """Return the crop of a pair's face that the step would give to the network."""
    by = min(1.0, (MOST - 1) / place(pair.landmarks, 1).scale)
    marks = pair.landmarks.astype(np.float64) * by
    where = fitted(marks)
    degraded, truth = (
        to_bytes(crop(_reduced(pixels, by).astype(np.float32) / 255, where))
        for pixels in (pair.degraded, pair.truth)
    )
    return Whole(
        degraded=degraded, truth=truth, landmarks=_moved(marks, np.linalg.inv(where.matrix))
    )


def drawn_side(rng: np.random.Generator) -> int:
    """Return a side that the step's crops may have, up to MOST."""
    return MULTIPLE * int(rng.integers(LEAST // MULTIPLE, MOST // MULTIPLE + 1))


def middle(portrait: Portrait) -> Points:
    """Return the middle (x, y) of the face's crop in a portrait."""
    where = place(portrait.landmarks, 1).matrix
    return where[:2, :2] @ (0.5, 0.5) + where[:2, 2]


def cut(
    portrait: Portrait, side: int, scale: float, about: Points, degrees: float
) -> tuple[Bytes, Points]:
    """Return a part (side, side, 3) of a portrait, scaled and turned, and the landmarks in it.

    Its middle shows the point ``about`` (x, y) of the portrait; beyond the portrait its edge is
    mirrored.
    """
    pixels, marks = portrait.pixels, portrait.landmarks
    if scale < 1:
        pixels = _reduced(pixels, scale)
        marks, about, scale = marks * scale, about * scale, 1.0
    turn = cv2.getRotationMatrix2D((0, 0), degrees, scale)
    turn[:, 2] = side / 2 - turn[:, :2] @ about
    border = cv2.BORDER_REFLECT_101
    shown = cv2.warpAffine(pixels, turn, (side, side), flags=cv2.INTER_CUBIC, borderMode=border)
    return np.asarray(shown), _moved(marks, turn)


def to_bytes(pixels: NDArray[np.float32]) -> Bytes:
    """Return values of 0..1, or a little beyond, as bytes."""
    return np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8)


def _moved(points: Points, matrix: Points) -> Points:
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def _reduced(pixels: Bytes, scale: float) -> Bytes:
    if scale >= 1:
        return pixels
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
