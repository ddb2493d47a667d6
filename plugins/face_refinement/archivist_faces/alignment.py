"""From a face in a picture to an upright crop, and back without touching anything around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_faces.sampling import Array, bicubic, bilinear, grid

TEMPLATE = np.array([[196, 226], [316, 226], [256, 286], [220, 360.4], [292, 360.4]])
"""Where eyes, nose tip and mouth corners of an upright face lie in 512 x 512 px..."""

MARGIN = 1.3
"""...before the distances from the middle are multiplied by this: eyes 0.3 of the side apart."""

FEATHER = 0.12
"""Share of the side over which the crop fades into the picture, at each edge."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """Where a square crop of ``side`` px lies in a picture.

    ``matrix`` (3, 3) maps pixels (x, y, 1) of the crop to pixels of the picture: scale, rotation
    and shift, no reflection.
    """

    side: int
    matrix: NDArray[np.float64]

    @property
    def scale(self) -> float:
        """Pixels of the picture for one of the crop; above 1, the crop holds less detail."""
        return math.hypot(self.matrix[0, 0], self.matrix[1, 0])

    @property
    def angle(self) -> float:
        """Degrees by which the face is turned clockwise in the picture."""
        return math.degrees(math.atan2(self.matrix[1, 0], self.matrix[0, 0]))

    def region(self, height: int, width: int) -> tuple[range, range]:
        """Return the rows and columns of a picture that the crop may cover; empty if none."""
        last = self.side - 1
        corners = np.array([[0, 0, 1], [last, 0, 1], [0, last, 1], [last, last, 1]]) @ self.matrix.T
        low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0)) + 1
        rows = range(max(0, int(low[1])), min(height, int(high[1])))
        columns = range(max(0, int(low[0])), min(width, int(high[0])))
        return rows, columns


def place(landmarks: Array, side: int) -> Placement:
    """Fit the crop's place to five landmarks (5, 2), by least squares in the picture.

    Raises ValueError when they are not five points that differ.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all() or np.ptp(points, axis=0).max() == 0:
        raise ValueError("a face needs five landmarks (x, y) that differ; detect it again")
    return Placement(side=side, matrix=similarity(template(side), points))


def template(side: int) -> NDArray[np.float64]:
    """Return the five landmarks (5, 2) of an upright face in a crop of ``side`` px."""
    return ((TEMPLATE / 256 - 1) * MARGIN + 1) / 2 * side


def similarity(source: Array, target: Array) -> NDArray[np.float64]:
    """Return the (3, 3) similarity that maps points to points best (Umeyama, 1991)."""
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    centred, aimed = source - middle, target - goal
    u, stretch, v = np.linalg.svd(aimed.T @ centred / len(source))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    scale = (stretch * sign).sum() / centred.var(axis=0).sum()
    turned = scale * (u * sign) @ v
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = turned, goal - turned @ middle
    return matrix


def crop(pixels: NDArray[np.float32], where: Placement) -> NDArray[np.float32]:
    """Return the crop (side, side, channels) of a picture (h, w, channels).

    Where the picture is finer than the crop it is smoothed first, so that no pixel is skipped.
    Beyond the picture's border its edge is continued: black there would darken the face.
    """
    rows, columns = where.region(*pixels.shape[:2])
    if not rows or not columns:
        raise ValueError("the face lies outside of the picture; detect it again")
    rim = 2 + math.ceil(3 * where.scale)
    top, left = max(0, rows.start - rim), max(0, columns.start - rim)
    part = pixels[top : rows.stop + rim, left : columns.stop + rim]
    if where.scale > 1:
        # A crop pixel is about a Gaussian of half its width; what the picture has is taken off.
        sigma = 0.5 * math.sqrt(where.scale**2 - 1)
        blurred = cv2.GaussianBlur(part, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        part = blurred.reshape(part.shape)
    x, y = grid(where.matrix, range(where.side), range(where.side))
    return bilinear(part, x - left, y - top, extend=True)


def feathered(side: int, feather: float = FEATHER) -> NDArray[np.float32]:
    """Return the mask (side, side) of a crop: 1 inside, falling smoothly to 0 at its edges."""
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]) / (feather * side)
    ramp = np.clip(distance, 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return np.asarray(ramp[:, None] * ramp, np.float32)


def paste(
    pixels: NDArray[np.float32],
    face: NDArray[np.float32],
    where: Placement,
    mask: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return a picture with the crop ``face`` (side, side, channels) blended in at its place.

    ``mask`` (side, side), 0..1, is :func:`feathered` by default. Pixels where it is 0 keep every
    bit; results stay within 0..1.
    """
    result = pixels.copy()
    rows, columns = where.region(*pixels.shape[:2])
    if not rows or not columns:
        return result
    x, y = grid(np.linalg.inv(where.matrix), rows, columns)
    weights = feathered(where.side) if mask is None else mask
    share = bilinear(weights[..., None], x, y)
    drawn = np.clip(bicubic(face, x, y, extend=True), 0, 1)
    part = result[rows.start : rows.stop, columns.start : columns.stop]
    part[...] = np.where(share > 0, part + share * (drawn - part), part)
    return result
