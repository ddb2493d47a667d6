"""Short films made of photographs: a moving camera, things that move in front, grain and flicker.

Everything follows from a seed. The truth is known: each frame in colour, without grain and flicker.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

SIZE = (384, 256)
"""Width and height of a frame."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """Frames (height, width, 3), values 0..1: as the camera saw them, and as grey film kept them.

    ``grey`` frames are (height, width), with grain and a brightness that flickers.
    """

    name: str
    truth: Sequence[Pixels]
    grey: Sequence[Pixels]


def photographs(data: Path) -> list[Path]:
    """Return the photographs kept out of training, in the order of the manifest."""
    with (data / "photos" / "MANIFEST.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return [data / "photos" / row["file"] for row in rows if row["split"] == "val"]


def films(data: Path, frames: int, seed: int, places: Sequence[int] = (0, 8)) -> list[Film]:
    """Return a pan and a zoom over photographs; ``places`` are their numbers in the manifest."""
    found = photographs(data)
    return [
        _film("pan", found, places[0], _pan(frames), seed),
        _film("zoom", found, places[1], _zoom(frames), seed + 1),
    ]


def _film(
    name: str, found: Sequence[Path], place: int, windows: Sequence[Pixels], seed: int
) -> Film:
    rng = np.random.default_rng(seed)
    ground = _read(found[place % len(found)])
    patches = [_Patch.cut(_read(found[(place + n + 1) % len(found)]), rng) for n in range(2)]
    truth = []
    for number, window in enumerate(windows):
        frame = _seen(ground, window)
        for patch in patches:
            patch.lay_on(frame, number / max(1, len(windows) - 1))
        truth.append(frame)
    return Film(name=name, truth=truth, grey=[_filmed(frame, rng) for frame in truth])


def _read(path: Path) -> Pixels:
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return np.asarray(found[..., ::-1], np.float32) / np.float32(255)


def _pan(frames: int) -> list[Pixels]:
    """Return windows (centre x, centre y, share of the photograph) of a pan that is not even."""
    along = np.linspace(0, 1, frames)
    x = 0.42 + 0.16 * (along + 0.05 * np.sin(6 * np.pi * along))
    y = 0.5 + 0.04 * np.sin(2 * np.pi * along)
    return list(np.stack([x, y, np.full(frames, 0.75)], 1).astype(np.float32))


def _zoom(frames: int) -> list[Pixels]:
    along = np.linspace(0, 1, frames)
    centre = 0.5 + 0.03 * np.sin(2 * np.pi * along)
    return list(np.stack([centre, 1 - centre, 0.9 - 0.3 * along], 1).astype(np.float32))


def _seen(ground: Pixels, window: Pixels) -> Pixels:
    """Return what a window of a photograph shows, at the size of a frame."""
    height, width = ground.shape[:2]
    scale = window[2] * min(width / SIZE[0], height / SIZE[1])
    shift = np.array([window[0] * width, window[1] * height]) - scale * np.array(SIZE) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(ground, matrix, SIZE, flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(np.clip(warped, 0, 1), np.float32)


@dataclass(frozen=True, slots=True)
class _Patch:
    """A round piece of another photograph that crosses the picture."""

    pixels: Pixels
    opacity: Pixels
    way: NDArray[np.float64]
    """Centre at the begin and at the end, as shares of width and height."""

    @classmethod
    def cut(cls, photograph: Pixels, rng: np.random.Generator) -> _Patch:
        side = int(rng.integers(56, 84))
        y, x = (int(rng.integers(0, length - side)) for length in photograph.shape[:2])
        grid = np.linspace(-1, 1, side, dtype=np.float32)
        distance = np.hypot(grid[:, None], grid[None])
        opacity = np.clip((1 - distance) * 8, 0, 1)[..., None]
        way = np.array([[0.15, rng.uniform(0.3, 0.7)], [0.85, rng.uniform(0.3, 0.7)]])
        return cls(photograph[y : y + side, x : x + side], opacity, way[:: rng.choice([-1, 1])])

    def lay_on(self, frame: Pixels, along: float) -> None:
        side = len(self.pixels)
        centre = (self.way[0] + along * (self.way[1] - self.way[0])) * np.array(SIZE)
        x, y = (centre - side / 2).round().astype(int)
        part = frame[y : y + side, x : x + side]
        part += self.opacity * (self.pixels - part)


def _filmed(frame: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a frame as grey film keeps it: brightness and contrast flicker, grain of 2 %."""
    gain, lift = 1 + rng.normal(0, 0.04), rng.normal(0, 0.015)
    grain = cv2.GaussianBlur(rng.normal(0, 1, frame.shape[:2]).astype(np.float32), (0, 0), 0.6)
    grain *= 0.02 / grain.std()
    return np.asarray(np.clip(gain * (frame @ LUMA) + lift + grain, 0, 1), np.float32)
