"""Lines and curves of damage, drawn as alpha maps: cracks, creases, scratches, hairs.

Each function takes the shape (height, width) in pixels and a random generator and returns float32
(height, width), values 0..1: how much of each pixel is covered. Lines are drawn at twice the size
and averaged, so that widths below one pixel and soft edges come out right.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_torch.degrade import smooth_field

Alpha = NDArray[np.float32]
Points = NDArray[np.float64]
Shape = tuple[int, int]

FINE = 2
"""Drawing happens at this multiple of the size."""


def walk(
    rng: np.random.Generator, start: Points, angle: float, length: float, wobble: float
) -> Points:
    """Return points x, y (n, 2) of a random walk: steps of 4 px, turning by ``wobble`` radians."""
    steps = max(2, int(length / 4))
    angles = angle + np.cumsum(rng.normal(0, wobble, steps))
    return start + np.cumsum(4 * np.stack([np.cos(angles), np.sin(angles)], 1), axis=0)


def draw(shape: Shape, lines: list[tuple[Points, float]]) -> Alpha:
    """Draw polylines (points, width in px) and return their coverage."""
    canvas = np.zeros((shape[0] * FINE, shape[1] * FINE), np.uint8)
    for points, width in lines:
        scaled = np.rint(points * FINE * 16).astype(np.int32)
        thickness = max(1, round(width * FINE))
        cv2.polylines(canvas, [scaled], False, 255, thickness, cv2.LINE_AA, shift=4)
    small = cv2.resize(canvas, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def somewhere(shape: Shape, rng: np.random.Generator) -> Points:
    """Return a random point x, y inside the picture."""
    return rng.random(2) * (shape[1], shape[0])


def crack(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a jagged crack of the emulsion with a few branches."""
    width, reach = rng.uniform(0.6, 3.5), rng.uniform(0.3, 1.5) * max(shape)
    trunk = walk(rng, somewhere(shape, rng), rng.uniform(0, 7), reach, rng.uniform(0.15, 0.5))
    lines = [(trunk, width)]
    for _ in range(rng.integers(0, 6)):
        fork = trunk[rng.integers(len(trunk))]
        angle, part = rng.uniform(0, 7), reach * rng.uniform(0.1, 0.5)
        lines.append((walk(rng, fork, angle, part, 0.4), width * rng.uniform(0.4, 1)))
    return draw(shape, lines)


def crease(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a fold across the print: nearly straight, broad, broken where the emulsion held."""
    angle = (
        rng.choice([0, np.pi / 2]) + rng.normal(0, 0.15)
        if rng.random() < 0.6
        else rng.uniform(0, 7)
    )
    middle, reach = somewhere(shape, rng), 1.5 * max(shape)
    start = middle - reach * np.array([np.cos(angle), np.sin(angle)])
    line = walk(rng, start, angle, 2 * reach, rng.uniform(0, 0.02))
    line += rng.normal(0, rng.uniform(0, 0.8), line.shape)
    alpha = draw(shape, [(line, rng.uniform(0.8, 6))])
    return _soften(_break_up(alpha, rng, 0.7), rng, 1.0)


def long_scratch(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw long thin parallel scratches, as transport leaves on film; often interrupted."""
    angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.05)
    lines = []
    for _ in range(rng.integers(1, 6)):
        reach = rng.uniform(0.3, 1.5) * max(shape)
        start = somewhere(shape, rng) - reach / 2 * np.array([np.cos(angle), np.sin(angle)])
        slope = angle + rng.normal(0, 0.02)
        lines.append((walk(rng, start, slope, reach, 0.003), rng.uniform(0.5, 2)))
    return _break_up(draw(shape, lines), rng, 0.6)


def scuff(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw a patch of short fine scratches in about the same direction."""
    angle, centre = rng.uniform(0, 7), somewhere(shape, rng)
    spread = rng.uniform(0.05, 0.3) * max(shape)
    lines = []
    for _ in range(rng.integers(4, 40)):
        start = centre + rng.normal(0, spread, 2)
        reach = rng.uniform(6, 60)
        slope = angle + rng.normal(0, 0.2)
        lines.append((walk(rng, start, slope, reach, 0.03), rng.uniform(0.5, 1.5)))
    return _break_up(draw(shape, lines), rng, 0.3)


def hair(shape: Shape, rng: np.random.Generator) -> Alpha:
    """Draw hairs and fibres: thin, smoothly bent."""
    lines = []
    for _ in range(rng.integers(1, 4)):
        steps = int(rng.uniform(8, 60))
        bend = np.cumsum(rng.normal(0, 0.03, steps)) + rng.normal(0, 0.05)
        angles = rng.uniform(0, 7) + np.cumsum(bend)
        path = np.cumsum(4 * np.stack([np.cos(angles), np.sin(angles)], 1), axis=0)
        lines.append((somewhere(shape, rng) + path, rng.uniform(0.6, 2.5)))
    return _soften(draw(shape, lines), rng, 0.4)


def _break_up(alpha: Alpha, rng: np.random.Generator, probability: float) -> Alpha:
    """Fade parts of a line out, with the given probability."""
    if rng.random() > probability:
        return alpha
    field = smooth_field(alpha.shape, int(rng.integers(4, 24)), rng)
    gate = np.clip((field - rng.uniform(0.2, 0.6)) * 6, 0, 1)
    return alpha * gate.astype(np.float32)


def _soften(alpha: Alpha, rng: np.random.Generator, probability: float) -> Alpha:
    """Blur a line a little, with the given probability; its peak is kept."""
    if rng.random() > probability:
        return alpha
    soft = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.4, 1.2))
    peak = float(soft.max())
    return np.asarray(soft / peak if peak > 0 else soft, np.float32)
