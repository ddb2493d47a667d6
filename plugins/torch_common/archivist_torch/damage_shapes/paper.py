"""Damage of paper prints, drawn as alpha maps: folds, jagged cracks, craquelure, tears, losses.

Same contract as :mod:`archivist_torch.damage_shapes.strokes`.
"""

from __future__ import annotations

import cv2
import numpy as np

from archivist_torch.damage_shapes.strokes import FINE, Alpha, Points, Shape, draw, somewhere
from archivist_torch.degrade import smooth_field

STEP = 3.0
"""Length in pixels between two turns of a jagged line."""


def fold(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a fold across the whole print: a fine worn line, with emulsion flaked off beside it."""
    angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.12) if rng.random() < 0.6 else _turn(rng)
    reach = 1.5 * max(shape)
    start = somewhere(shape, rng) - reach * _direction(angle)
    line = jagged(rng, start, angle, 2 * reach, rng.uniform(0.02, 0.12))
    core = draw(shape, [(line, rng.uniform(0.5, 1.8))])
    wear = smooth_field(shape, int(rng.integers(5, 16)), rng)
    beside = draw(shape, [(line, rng.uniform(3, 9))])
    rough = cv2.GaussianBlur(rng.random(shape, np.float32), (0, 0), rng.uniform(0.7, 1.6))
    rough = (rough - rough.mean()) / max(float(rough.std()), 1e-6)
    level = rng.uniform(0.3, 1.6) + 2.5 * (1 - wear)
    flaked = cv2.GaussianBlur(beside, (0, 0), 1.2) * np.clip((rough - level) * 3 + 0.5, 0, 1)
    return np.maximum(core * (0.35 + 0.65 * wear), np.clip(flaked * 1.3, 0, 1)).astype(np.float32)


def split(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a jagged crack that keeps its direction, thins out, and forks a few times."""
    angle, reach = _turn(rng), rng.uniform(0.3, 1.6) * max(shape)
    start = somewhere(shape, rng) - rng.uniform(0, reach) * _direction(angle)
    width, rough = rng.uniform(0.4, 2.2), rng.uniform(0.3, 0.8)
    trunk = jagged(rng, start, angle, reach, rough)
    lines = _tapered(trunk, width)
    for _ in range(rng.integers(0, 5)):
        fork = trunk[rng.integers(len(trunk))]
        aside = angle + rng.choice([-1, 1]) * rng.uniform(0.4, 1.3)
        branch = jagged(rng, fork, aside, reach * rng.uniform(0.08, 0.35), rough)
        lines += _tapered(branch, width * rng.uniform(0.4, 0.9))
    return draw(shape, lines)


def craquelure(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a net of fine cracks in part of the print: the borders of random cells."""
    spacing, width = rng.uniform(6, 20), rng.uniform(0.3, 0.8)
    area = np.array(shape[::-1]) + 4 * spacing
    count = max(8, int(area.prod() / spacing**2))
    seeds = rng.random((count, 2)) * area
    plane = cv2.Subdiv2D((0, 0, *(int(side) + 1 for side in area)))
    plane.insert(seeds.astype(np.float32).tolist())
    cells = plane.getVoronoiFacetList([])[0]
    alpha = draw(shape, [(np.asarray(cell, np.float64) - 2 * spacing, width) for cell in cells])
    gate = np.clip((smooth_field(shape, 3, rng) - rng.uniform(0.3, 0.6)) * 6, 0, 1)
    return (alpha * gate * (0.4 + 0.6 * smooth_field(shape, 12, rng))).astype(np.float32)


def rip(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a tear from an edge inwards, narrow and ragged; bare paper shows in it."""
    start = somewhere(shape, rng)
    side = rng.integers(2)
    start[side] = rng.choice([-2.0, shape[1 - side] + 2.0])
    inwards = np.array(shape[::-1]) / 2 - start
    angle = float(np.arctan2(inwards[1], inwards[0]) + rng.normal(0, 0.5))
    path = jagged(rng, start, angle, rng.uniform(0.2, 0.8) * max(shape), 0.45)
    opening = np.linspace(rng.uniform(1.5, 9), 0.4, len(path))[:, None]
    across = np.array([-np.sin(angle), np.cos(angle)])
    other = path + across * opening * rng.uniform(0.5, 1.3, (len(path), 1))
    return _filled(shape, np.concatenate([path, other[::-1]]))


def loss(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a lost piece of emulsion with a ragged outline; sometimes its edge is feathered."""
    centre, radius = somewhere(shape, rng), np.exp(rng.uniform(np.log(4), np.log(45)))
    y, x = np.ogrid[: shape[0], : shape[1]]
    stretch = rng.uniform(0.5, 2)
    away = np.sqrt(((x - centre[0]) * stretch) ** 2 + (y - centre[1]) ** 2) / radius
    cells = max(2, int(max(shape) / radius))
    outline = sum(
        (smooth_field(shape, cells * 3**octave, rng) - 0.5) / 1.7**octave for octave in range(3)
    )
    steep = rng.uniform(0.15, 1.0) if rng.random() < 0.3 else 1.5
    inside = (1 - away + 1.3 * outline) * radius * steep
    return np.clip(inside + 0.5, 0, 1).astype(np.float32)


def jagged(
    rng: np.random.Generator, start: Points, angle: float, length: float, rough: float
) -> Points:
    """Return points x, y (n, 2) of a line that keeps its direction; ``rough`` is in radians."""
    steps = max(3, int(length / STEP))
    drift = np.cumsum(rng.normal(0, rough * 0.06, steps))
    angles = angle + drift + rng.normal(0, rough, steps)
    return start + np.cumsum(STEP * np.stack([np.cos(angles), np.sin(angles)], 1), axis=0)


def _tapered(points: Points, width: float) -> list[tuple[Points, float]]:
    """Cut a line into thirds that grow thinner."""
    cuts = [0, len(points) // 3, 2 * len(points) // 3, len(points) - 1]
    parts = zip(cuts, cuts[1:], (1.0, 0.75, 0.5), strict=False)
    return [(points[a : b + 1], width * share) for a, b, share in parts]


def _filled(shape: Shape, points: Points) -> Alpha:
    canvas = np.zeros((shape[0] * FINE, shape[1] * FINE), np.uint8)
    scaled = np.rint(points * FINE * 16).astype(np.int32)
    cv2.fillPoly(canvas, [scaled], 255, cv2.LINE_AA, shift=4)
    small = cv2.resize(canvas, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def _turn(rng: np.random.Generator) -> float:
    return float(rng.uniform(0, 2 * np.pi))


def _direction(angle: float) -> Points:
    return np.array([np.cos(angle), np.sin(angle)])
