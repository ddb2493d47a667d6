"""Turning and scaling a reference as the picture shows the same things, before blocks are compared.

Blocks of texture fit only where both pictures have about the same size and direction. A similarity
transform is estimated from local features (SIFT, RANSAC); where there is no proof of one, or where
it changes little, the reference stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_reference_sr.picture import SCALE, Pixels

FEATURES = 3000
CONTRAST = 0.01
"""Of SIFT, lower than usual: a picture to be enlarged is unsharp."""
RATIO = 0.8
"""Best to second-best distance under which a feature counts as found (Lowe)."""
NEAR = 24.0
"""Pixels of the enlarged picture that a point may be off: scenes have depth."""
PROOF = 15
"""Points that must agree."""
LEAST_TURN, LEAST_CHANGE = 8.0, 1.12
"""Degrees and factor under which a reference stays as it is."""
SMALLEST, LARGEST = 0.6, 6.0
"""Factors believed: pixels of the reference for one of the enlarged picture."""
SEEN = 1600
"""Longest side in which features are looked for."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Aligned:
    """A reference in the picture's size and direction, and the way back.

    ``valid`` is bool (height, width); ``back`` (2, 3) leads from x, y here to x, y in the reference
    as it was. ``proven`` says whether enough points agree that both pictures show the same.
    """

    pixels: Pixels
    valid: NDArray[np.bool_]
    back: Matrix
    proven: bool

    def positions(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (..., 2): x, y in the reference as it was, of points here."""
        points = np.stack([x, y, np.ones_like(x)], axis=-1)
        return np.asarray(points @ self.back.T, np.float64)


class Aligner:
    """Aligns references, one after another, to one small picture (height, width, 1 or 3), 0..1."""

    def __init__(self, pixels: Pixels) -> None:
        self._sift = cv2.SIFT_create(FEATURES, contrastThreshold=CONTRAST)
        factor = min(2.0, SEEN / max(pixels.shape[:2]))
        self._points, self._found = self._features(_resized(_grey(pixels), factor))
        self._points = self._points * (SCALE / factor)

    def align(self, reference: Pixels) -> Aligned:
        """Return the reference, turned and scaled where that is proven and worth it."""
        matrix, agreeing = self.estimate(reference)
        proven = agreeing >= PROOF
        if matrix is None or not proven or not _worth(matrix):
            return unchanged(reference, proven=proven)
        return _warped(reference, matrix)

    def estimate(self, reference: Pixels) -> tuple[Matrix | None, int]:
        """Return how x, y in the enlarged picture lead to the reference, and how many points agree.

        The transform is (2, 3), None where there is none.
        """
        factor = min(0.5, SEEN / max(reference.shape[:2]))
        points, found = self._features(_resized(_grey(reference), factor))
        if min(len(self._points), len(points)) < PROOF:
            return None, 0
        pairs = cv2.BFMatcher().knnMatch(self._found, found, k=2)
        good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < RATIO * p[1].distance]
        if len(good) < PROOF:
            return None, 0
        here = self._points[[m.queryIdx for m in good]]
        there = points[[m.trainIdx for m in good]] / factor
        # Measured in the enlarged picture, so that a tiny scale cannot make everything agree.
        inverse, inliers = cv2.estimateAffinePartial2D(
            there, here, ransacReprojThreshold=NEAR, maxIters=4000
        )
        if inverse is None or not 1 / LARGEST <= _factor(inverse) <= 1 / SMALLEST:
            return None, 0
        return np.asarray(cv2.invertAffineTransform(inverse), np.float64), int(inliers.sum())

    def _features(self, grey: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        points, found = self._sift.detectAndCompute(grey, None)
        if found is None:
            return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
        return np.array([point.pt for point in points], np.float32), found


def unchanged(reference: Pixels, *, proven: bool) -> Aligned:
    """Return a reference as it is."""
    return Aligned(reference, np.ones(reference.shape[:2], np.bool_), np.eye(2, 3), proven)


def _worth(matrix: Matrix) -> bool:
    factor = _factor(matrix)
    turn = abs(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    return bool(turn > LEAST_TURN or max(factor, 1 / factor) > LEAST_CHANGE)


def _factor(matrix: Matrix) -> float:
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def _warped(reference: Pixels, matrix: Matrix) -> Aligned:
    """Return the whole reference as ``matrix`` (enlarged picture to reference) shows it."""
    factor = _factor(matrix)
    shrunk = reference
    back = np.eye(3)
    if factor > 1:  # averaged first: the warp itself takes single pixels
        size = [max(1, round(side / factor)) for side in reference.shape[:2]]
        shrunk = _planes(cv2.resize(reference, size[::-1], interpolation=cv2.INTER_AREA))
        grown = [a / b for a, b in zip(reference.shape, size, strict=False)]
        back = np.diag([grown[1], grown[0], 1.0])
        back[:2, 2] = (back[0, 0] - 1) / 2, (back[1, 1] - 1) / 2
    linear = np.eye(3)
    linear[:2] = matrix
    linear[:2, 2] = 0
    # From the aligned picture to the shrunk one; its corners decide the canvas.
    into = np.linalg.inv(back) @ linear
    into[:2, 2] = 0
    height, width = shrunk.shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
    shown = corners @ np.linalg.inv(into).T
    least, most = shown[:, :2].min(0), shown[:, :2].max(0)
    move = np.eye(3)
    move[:2, 2] = least
    into = into @ move
    canvas = tuple(int(length) for length in np.ceil(most - least))
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    made = cv2.warpAffine(shrunk, into[:2], canvas, flags=how, borderMode=cv2.BORDER_REPLICATE)
    full = np.ones((height, width), np.uint8)
    valid = cv2.warpAffine(full, into[:2], canvas, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    way = (back @ into)[:2]
    return Aligned(np.clip(_planes(made), 0, 1), valid.astype(np.bool_), way, proven=True)


def _planes(pixels: NDArray[np.float32]) -> Pixels:
    return np.asarray(pixels if pixels.ndim == 3 else pixels[..., None], np.float32)


def _grey(pixels: Pixels) -> NDArray[np.uint8]:
    grey = pixels[..., 0] if pixels.shape[2] == 1 else pixels.mean(axis=2)
    return np.asarray(np.clip(np.rint(grey * 255), 0, 255), np.uint8)


def _resized(grey: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = [max(1, round(side * factor)) for side in grey.shape[::-1]]
    return np.asarray(cv2.resize(grey, size, interpolation=how), np.uint8)
