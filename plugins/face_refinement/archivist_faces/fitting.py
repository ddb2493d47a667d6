"""Where a face is cut out, and how a correction is laid back: on the picture's own grid if it can.

A crop that is turned or scaled is sampled between pixels, which blurs the grain that is to go and
leaves it in the picture when the correction is added. So a face that stands nearly upright is cut
out pixel by pixel, in its own size; the network copes with the rest of the turn. Very small faces
are enlarged, very large ones reduced.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_faces.alignment import Placement, place
from archivist_faces.sampling import Array, bicubic, bilinear, grid

Floats = NDArray[np.float32]

LEAST, MOST = 192, 640
"""Sides in pixels of crops that the compact network was trained to see."""
UPRIGHT = 15.0
"""A face that is turned no further, from upright or from lying, is cut out pixel by pixel."""
MULTIPLE = 16
OVAL = (0.5, 0.5, 0.44, 0.5)
"""Middle and half axes of the part of a crop that changes: the head without its surroundings."""
FADE = 0.3
"""Share of the oval's radius over which a correction fades out."""
LIGHT = 1 / 8
"""Sigma, in sides of the crop, from which on a correction counts as a change of light."""


def fitted(landmarks: Array) -> Placement:
    """Return where the compact network's crop of a face lies.

    Raises ValueError when the landmarks are not five points that differ.
    """
    exact = place(landmarks, 1)
    side = exact.scale
    step = side / min(max(side, LEAST), MOST)
    step = 1.0 if LEAST <= side <= MOST else step
    pixels = math.ceil(side / step / MULTIPLE) * MULTIPLE
    quarter = round(exact.angle / 90) * 90
    snapped = abs(exact.angle - quarter) <= UPRIGHT
    angle = math.radians(quarter if snapped else exact.angle)
    matrix = np.eye(3)
    matrix[:2, :2] = step * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    if snapped:
        matrix[:2, :2] = np.where(abs(matrix[:2, :2]) < step / 2, 0, matrix[:2, :2])
    middle = exact.matrix[:2, :2] @ (0.5, 0.5) + exact.matrix[:2, 2]
    corner = middle - matrix[:2, :2] @ ((pixels - 1) / 2, (pixels - 1) / 2)
    matrix[:2, 2] = np.rint(corner) if snapped and step == 1 else corner
    return Placement(side=pixels, matrix=matrix)


def oval(side: int) -> Floats:
    """Return the mask (side, side) of a head: 1 inside, falling smoothly to 0 before the edges."""
    x, y = np.meshgrid(*[(np.arange(side) + 0.5) / side] * 2)
    left, top, across, down = OVAL
    radius = np.hypot((x - left) / across, (y - top) / down)
    ramp = np.clip((1 - radius) / FADE, 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)


def without_light(correction: Floats) -> Floats:
    """Return a correction (side, side, channels) that leaves light and tone of the face alone."""
    sigma = LIGHT * correction.shape[0]
    coarse = cv2.GaussianBlur(correction, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(correction - coarse.reshape(correction.shape), np.float32)


def laid(pixels: Floats, correction: Floats, where: Placement, mask: Floats) -> Floats:
    """Return a picture (h, w, channels) with a correction (side, side, channels) added.

    It counts as far as ``mask`` (side, side), 0..1, says; pixels where that is 0 keep every bit.
    """
    result = pixels.copy()
    rows, columns = where.region(*pixels.shape[:2])
    if not rows or not columns:
        return result
    change = correction * mask[..., None]
    if where.scale < 1:
        # The crop is finer than the picture: what the picture cannot hold would become a pattern.
        sigma = 0.5 * math.sqrt(1 / where.scale**2 - 1)
        blurred = cv2.GaussianBlur(change, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        change = blurred.reshape(change.shape)
    x, y = grid(np.linalg.inv(where.matrix), rows, columns)
    inside = bilinear(mask[..., None], x, y) > 0
    part = result[rows.start : rows.stop, columns.start : columns.stop]
    moved = np.clip(part + bicubic(change, x, y), 0, 1)
    part[...] = np.where(inside, moved, part)
    return result
