"""Spots and areas of damage, drawn as alpha maps: dust, stains, flaked emulsion, tears, holes.

Same contract as :mod:`archivist_torch.damage_shapes.strokes`.
"""

from __future__ import annotations

import cv2
import numpy as np

from archivist_torch.damage_shapes.strokes import FINE, Alpha, Points, Shape, somewhere, walk
from archivist_torch.degrade import smooth_field


def dust(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw specks: many small ellipses, a few larger ones."""
    canvas = np.zeros((shape[0] * FINE, shape[1] * FINE), np.uint8)
    count = int(np.exp(rng.uniform(np.log(2), np.log(80))))
    largest = rng.uniform(0.8, 5)
    for _ in range(count):
        centre = tuple(np.rint(somewhere(shape, rng) * FINE * 16).astype(int).tolist())
        radius = 0.4 + largest * rng.random() ** 3
        axes = np.rint(radius * rng.uniform(0.5, 1.2, 2) * FINE * 16).astype(int).tolist()
        turn = rng.uniform(0, 180)
        cv2.ellipse(canvas, centre, tuple(axes), turn, 0, 360, 255, -1, cv2.LINE_AA, shift=4)
    return _shrink(canvas, shape)


def stain(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a stain: an irregular area, even or, like dried water, darker along its rim."""
    field = _cloud(shape, int(rng.integers(2, 5)), rng) * _spotlight(shape, rng, 0.1, 0.4)
    level, steep = rng.uniform(0.25, 0.45), rng.uniform(8, 40)
    area = np.clip((field - level) * steep, 0, 1).astype(np.float32)
    if rng.random() < 0.3:
        inner = cv2.GaussianBlur(area, (0, 0), rng.uniform(3, 8))
        area = np.clip(area - 0.8 * inner, 0, 1) / max(0.2, float((area - 0.8 * inner).max()))
    return np.asarray(area * (0.5 + 0.5 * smooth_field(shape, 6, rng)), np.float32)


def flakes(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw flaked or abraded emulsion: islands of fine noise inside a soft area."""
    noise = cv2.GaussianBlur(rng.random(shape, np.float32), (0, 0), rng.uniform(0.6, 2.5))
    noise = (noise - noise.mean()) / max(float(noise.std()), 1e-6)
    gate = _spotlight(shape, rng, 0.05, 0.35)
    level = rng.uniform(1.2, 2.4) + 3 * (1 - gate)
    return np.clip((noise - level) * 4 + 0.5, 0, 1).astype(np.float32)


def tear(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a tear from an edge inwards: paper shows between two ragged sides."""
    start = somewhere(shape, rng)
    start[rng.integers(2)] = -2.0
    angle = np.arctan2(*(np.array(shape) / 2 - start[::-1])) + rng.normal(0, 0.4)
    path = walk(rng, start, float(angle), rng.uniform(0.2, 0.9) * max(shape), 0.12)
    opening = np.linspace(rng.uniform(2, 14), 0.5, len(path))[:, None]
    normal = np.array([-np.sin(angle), np.cos(angle)])
    other = path + normal * opening * rng.uniform(0.5, 1.2, (len(path), 1))
    return _polygon(shape, np.concatenate([path, other[::-1]]))


def patch(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a lost piece: a corner, a strip along an edge, or a hole; sometimes feathered."""
    count = int(rng.integers(5, 14))
    turn = np.sort(rng.uniform(0, 2 * np.pi, count))
    radius = np.exp(rng.uniform(np.log(6), np.log(0.3 * max(shape)))) * rng.uniform(0.5, 1.1, count)
    centre = somewhere(shape, rng)
    if rng.random() < 0.4:
        centre = np.round(centre / (shape[1], shape[0])) * (shape[1], shape[0])
    around = centre + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    alpha = _polygon(shape, around)
    if rng.random() < 0.4:
        alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.5, 3))
    return np.asarray(alpha, np.float32)


def _polygon(shape: Shape, points: Points) -> Alpha:
    canvas = np.zeros((shape[0] * FINE, shape[1] * FINE), np.uint8)
    cv2.fillPoly(canvas, [np.rint(points * FINE * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return _shrink(canvas, shape)


def _shrink(canvas: np.ndarray, shape: Shape) -> Alpha:
    small = cv2.resize(canvas, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def _cloud(shape: Shape, cells: int, rng: np.random.Generator) -> Alpha:
    """Fractal noise, 0..1: smooth hills with ever finer ones on top."""
    field = smooth_field(shape, cells, rng)
    for octave in (1, 2, 3):
        field = field + smooth_field(shape, cells * 3**octave, rng) / 2**octave
    return np.asarray(field / field.max(), np.float32)


def _spotlight(shape: Shape, rng: np.random.Generator, low: float, high: float) -> Alpha:
    """Draw a soft round area, 1 in its middle; sigma is a share low..high of the longer side."""
    x0, y0 = somewhere(shape, rng)
    sigma = rng.uniform(low, high) * max(shape)
    y, x = np.ogrid[: shape[0], : shape[1]]
    squared = ((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2)
    return np.exp(-squared).astype(np.float32)
