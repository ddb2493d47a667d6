"""Damage of old prints, drawn by rule and seed: scratches, dust, fibres, creases, stains, losses.

Pictures are float32 arrays (height, width, 3) of values 0..1; lengths are in pixels of a picture
whose long side is about 1000 pixels. Each function returns a new picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Field = NDArray[np.float32]

FINER = 4
"""Strokes are drawn this many times finer and averaged, so that they have soft edges."""

BARE_PAPER = np.array([0.93, 0.905, 0.85], np.float32)
"""The colour under the emulsion."""
DIRT = np.array([0.10, 0.085, 0.07], np.float32)
BOARD = np.array([0.16, 0.155, 0.15], np.float32)
"""The bed of the scanner, seen where a piece of the print is gone."""


def noise(shape: tuple[int, int], size: float, rng: np.random.Generator, octaves: int = 4) -> Field:
    """Return a smooth random field (height, width), mean 0, deviation 1; ``size`` of its forms."""
    height, width = shape
    field = np.zeros(shape, np.float32)
    for octave in range(octaves):
        step = max(size / 2**octave, 1.0)
        grid = rng.standard_normal((int(height / step) + 3, int(width / step) + 3))
        wide = cv2.resize(
            grid.astype(np.float32),
            (int(grid.shape[1] * step), int(grid.shape[0] * step)),
            interpolation=cv2.INTER_CUBIC,
        )
        field += wide[:height, :width] / 2**octave
    return (field - field.mean()) / field.std()


def blend(picture: Picture, colour: NDArray[np.float32], opacity: Field) -> Picture:
    """Lay a colour (3,) or a picture over another one."""
    cover = np.clip(opacity, 0, 1)[:, :, None]
    return (picture * (1 - cover) + colour * cover).astype(np.float32)


class Strokes:
    """A mask that lines and spots are drawn into; :meth:`opacity` returns it at picture size."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._fine = np.zeros((shape[0] * FINER, shape[1] * FINER), np.uint8)

    def line(self, points: Field, widths: Field, opacities: Field) -> None:
        """Draw a line through points (n, 2) of x, y with a width and opacity at each."""
        places = np.rint(points * FINER * 16).astype(int)
        for start, end, width, opacity in zip(
            places[:-1], places[1:], widths, opacities, strict=False
        ):
            if opacity > 0.02:
                thick = max(1, round(float(width) * FINER))
                shade = int(255 * min(float(opacity), 1.0))
                cv2.line(self._fine, start.tolist(), end.tolist(), shade, thick, cv2.LINE_AA, 4)

    def spot(
        self, x: float, y: float, radius: float, opacity: float, rng: np.random.Generator
    ) -> None:
        """Draw a spot of uneven outline."""
        corners = rng.integers(9, 15)
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        reach = radius * rng.uniform(0.6, 1.2, corners)
        stretch, turn = rng.uniform(0.5, 1.0), rng.uniform(0, np.pi)
        u, v = reach * np.cos(angles), reach * np.sin(angles) * stretch
        outline = np.stack(
            [
                x + u * np.cos(turn) - v * np.sin(turn),
                y + u * np.sin(turn) + v * np.cos(turn),
            ],
            axis=1,
        )
        fixed = np.rint(outline * FINER * 16).astype(np.int32)
        cv2.fillPoly(self._fine, [fixed], int(255 * opacity), cv2.LINE_AA, 4)

    def opacity(self) -> Field:
        """Return the mask, 0..1."""
        height, width = self._shape
        small = cv2.resize(self._fine, (width, height), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32) / 255


def _wander(
    start: tuple[float, float], angle: float, length: float, bend: float, rng: np.random.Generator
) -> Field:
    """Return points (n, 2), four pixels apart, of a line whose direction drifts by ``bend``."""
    count = max(int(length / 4), 2)
    drift = np.cumsum(rng.normal(0, bend, count))
    headings = angle + cv2.GaussianBlur(drift.reshape(1, -1), (0, 0), 3).ravel()
    steps = 4 * np.stack([np.cos(headings), np.sin(headings)], axis=1)
    return (np.array(start) + np.cumsum(steps, axis=0)).astype(np.float32)


def _along(count: int, rng: np.random.Generator, size: float = 6.0) -> Field:
    """Return smooth random values along a line, mean 0, deviation 1."""
    values = cv2.GaussianBlur(rng.standard_normal((1, count + 40)), (0, 0), size).ravel()[20:-20]
    return ((values - values.mean()) / (values.std() + 1e-6)).astype(np.float32)


def scratches(
    picture: Picture,
    rng: np.random.Generator,
    *,
    count: int,
    bright: bool = True,
    angle: float = 1.2,
    spread: float = 0.5,
    width: float = 1.3,
    reach: float = 0.6,
) -> Picture:
    """Scratch the emulsion: long, thin, nearly straight, broken where the tool lost contact."""
    height, breadth = picture.shape[:2]
    strokes = Strokes((height, breadth))
    for _ in range(count):
        length = reach * max(height, breadth) * rng.uniform(0.25, 1.0)
        heading = angle + rng.normal(0, spread)
        middle = rng.uniform(0.05, 0.95, 2) * (breadth, height)
        start = middle - 0.5 * length * np.array([np.cos(heading), np.sin(heading)])
        points = _wander((start[0], start[1]), heading, length, 0.006, rng)
        count_points = len(points)
        fade = np.sin(np.linspace(0.02, np.pi - 0.02, count_points)) ** 0.4
        pressure = np.clip(0.75 + 0.45 * _along(count_points, rng), 0, 1.2)
        thick = (
            width * rng.lognormal(0, 0.35) * np.clip(0.8 + 0.3 * _along(count_points, rng), 0.4, 2)
        )
        strokes.line(points, thick, fade * pressure * rng.uniform(0.6, 1.0))
    cut = strokes.opacity()
    if not bright:
        return blend(picture, DIRT, 0.85 * cut)
    shade = np.roll(cut, (1, 1), axis=(0, 1)) * (1 - cut)  # the raised edge away from the light
    fibres = BARE_PAPER + 0.03 * noise((height, breadth), 3, rng)[:, :, None]
    return blend(picture * (1 - 0.35 * shade[:, :, None]), fibres, cut)


def abrasion(picture: Picture, rng: np.random.Generator, *, count: int, angle: float) -> Picture:
    """Rub the surface: sheaves of short, parallel, barely visible hairlines."""
    height, width = picture.shape[:2]
    strokes = Strokes((height, width))
    for _ in range(count):
        centre = rng.uniform(0.1, 0.9, 2) * (width, height)
        heading = angle + rng.normal(0, 0.25)
        for _ in range(rng.integers(5, 14)):
            start = centre + rng.normal(0, 22, 2)
            points = _wander(
                tuple(start), heading + rng.normal(0, 0.06), rng.uniform(25, 110), 0.01, rng
            )
            fade = np.sin(np.linspace(0.05, np.pi - 0.05, len(points)))
            strokes.line(points, np.full(len(points), 0.5), fade * rng.uniform(0.25, 0.6))
    return blend(picture, BARE_PAPER, strokes.opacity())


def dust(
    picture: Picture,
    rng: np.random.Generator,
    *,
    count: int,
    bright: bool = True,
    size: float = 1.3,
) -> Picture:
    """Strew dust: many tiny specks, few large ones, in loose clouds."""
    height, width = picture.shape[:2]
    strokes = Strokes((height, width))
    likely = np.exp(0.9 * noise((height, width), max(height, width) / 4, rng)).astype(np.float64)
    places = rng.choice(height * width, count, p=(likely / likely.sum()).ravel())
    for place in places:
        radius = float(np.clip(size * rng.lognormal(0, 0.55), 0.5, 7))
        strokes.spot(place % width, place // width, radius, rng.uniform(0.55, 1.0), rng)
    return blend(picture, BARE_PAPER if bright else DIRT, strokes.opacity())


def fibres(
    picture: Picture, rng: np.random.Generator, *, count: int, bright: bool = True
) -> Picture:
    """Lay hairs and lint: thin, curled, of even width."""
    height, width = picture.shape[:2]
    strokes = Strokes((height, width))
    for _ in range(count):
        start = rng.uniform(0.05, 0.95, 2) * (width, height)
        points = _wander(tuple(start), rng.uniform(0, 6.3), rng.uniform(60, 220), 0.5, rng)
        even = np.full(len(points), rng.uniform(0.6, 1.1))
        strokes.line(points, even, np.full(len(points), rng.uniform(0.7, 1.0)))
    return blend(picture, BARE_PAPER if bright else DIRT, 0.95 * strokes.opacity())


def crease(
    picture: Picture,
    rng: np.random.Generator,
    *,
    start: tuple[float, float],
    end: tuple[float, float],
    loss: float = 1.0,
) -> Picture:
    """Fold the print once: relief on both sides of the fold, and emulsion flaked off along it.

    ``start`` and ``end`` are in parts of width and height; ``loss`` says how much is gone.
    """
    height, width = picture.shape[:2]
    first, last = np.array(start) * (width, height), np.array(end) * (width, height)
    count = 80
    along = np.linspace(0, 1, count)[:, None]
    across = np.array([-(last - first)[1], (last - first)[0]]) / np.linalg.norm(last - first)
    bow = np.cumsum(rng.normal(0, 1.0, count))
    bow = bow - bow[0] - (bow[-1] - bow[0]) * along[:, 0]
    points = (
        first
        + along * (last - first)
        + (0.8 * bow[:, None] + rng.normal(0, 0.5, (count, 1))) * across
    )
    line = np.full((height, width), 255, np.uint8)
    cv2.polylines(line, [np.rint(points * 16).astype(np.int32)], False, 0, 1, cv2.LINE_8, 4)
    distance = cv2.distanceTransform(line, cv2.DIST_L2, 5)
    y, x = np.mgrid[0:height, 0:width]
    side = np.sign((x - first[0]) * across[0] + (y - first[1]) * across[1])
    relief = 0.10 * np.exp(-distance / 7) - 0.07 * np.exp(-((distance - 14) ** 2) / 160)
    bent = picture * (1 + side * relief)[:, :, None].astype(np.float32)
    flakes = 0.7 + loss * np.clip(
        1.6 * noise((height, width), 26, rng) + noise((height, width), 5, rng), 0, 4
    )
    gone = np.clip(1.4 * (flakes - distance), 0, 1) * np.clip(
        1.1 + 0.5 * noise((height, width), 60, rng), 0.35, 1
    )
    paper = BARE_PAPER + 0.025 * noise((height, width), 3, rng)[:, :, None]
    shade = np.roll(gone, (1, 1), axis=(0, 1)) * (1 - gone)
    return blend(np.clip(bent, 0, 1) * (1 - 0.4 * shade[:, :, None]), paper, 0.95 * gone)


def stain(
    picture: Picture,
    rng: np.random.Generator,
    *,
    centre: tuple[float, float],
    radius: float,
    strength: float = 0.5,
) -> Picture:
    """Spill water: a brown tide line around a slightly yellowed area."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    reach = np.hypot(x - centre[0] * width, (y - centre[1] * height) * 1.15) / radius
    reach += 0.13 * noise((height, width), radius * 0.7, rng)
    inside = 1 / (1 + np.exp(np.clip((reach - 1) * 45, -50, 50)))
    rim = np.exp(-(((reach - 0.985) / 0.03) ** 2)) + 0.4 * np.exp(-(((reach - 0.86) / 0.05) ** 2))
    tint = np.array([0.10, 0.19, 0.36], np.float32)
    amount = strength * (
        0.45 * inside + 0.75 * rim * (0.75 + 0.25 * noise((height, width), 40, rng))
    )
    return np.clip(picture * (1 - amount[:, :, None] * tint * 1.5), 0, 1).astype(np.float32)


def lost_corner(picture: Picture, rng: np.random.Generator, *, corner: str, size: float) -> Picture:
    """Break a corner off: the bed of the scanner shows, along a fringe of bare paper.

    ``corner`` is of "top left", "top right", "bottom left", "bottom right"; ``size`` in pixels.
    """
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    from_top = y if "top" in corner else height - 1 - y
    from_side = x if "left" in corner else width - 1 - x
    depth = size - (0.85 * from_top + 1.15 * from_side)
    depth += 0.09 * size * noise((height, width), size * 0.5, rng) + 1.2 * noise(
        (height, width), 5, rng
    )
    fringe = 4.5 + 2.0 * noise((height, width), 18, rng)
    torn = np.clip(depth + fringe, 0, 1)
    gone = np.clip(depth, 0, 1)
    paper = BARE_PAPER + 0.03 * noise((height, width), 3, rng)[:, :, None]
    shadow = np.exp(-np.abs(depth) / 5)[:, :, None] * (depth > 0)[:, :, None]
    return blend(blend(picture, paper, torn), BOARD * (1 - 0.45 * shadow), gone)


def fade(picture: Picture, rng: np.random.Generator, *, strength: float) -> Picture:
    """Let light and air work: weaker blacks, more so towards the edges, and yellow whites."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    uneven = 0.6 + 0.5 * np.maximum(abs(x), abs(y)) ** 4 + 0.15 * noise((height, width), 300, rng)
    veil = (strength * np.clip(uneven, 0, 1.5)).astype(np.float32)[:, :, None]
    yellow = np.array([0.86, 0.80, 0.68], np.float32)
    return np.clip(picture * (1 - veil) + veil * (0.35 * picture + 0.65 * yellow * 0.8), 0, 1)


ALL = {
    function.__name__: function
    for function in (scratches, abrasion, dust, fibres, crease, stain, lost_corner, fade)
}
"""Every kind of damage by its name."""
