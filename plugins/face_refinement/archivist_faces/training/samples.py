"""Samples for the generator: windows on faces, degraded, and what they were before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_faces.training.portraits import AS_PRINTS, Bytes, Portrait
from archivist_torch import ageing
from archivist_torch.seeding import generator
from archivist_torch.training import Sample

FACE_SIDES = (96.0, 420.0)
"""Side of the face's crop, in pixels of a sample before it may be enlarged."""
TURN = 12.0
"""Degrees by which a portrait is turned at most."""
ENLARGED = 0.3
"""Share of samples that are enlarged after they aged, as small faces are before refinement."""
MOST_ENLARGED = 2.5
PREPARED = 0.5
"""Share of samples that come from prepared pairs, where there are any."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A degraded picture and its truth, uint8 RGB of one size."""

    degraded: Bytes
    truth: Bytes


def read_pairs(folder: Path) -> list[Pair]:
    """Read ``truth`` and ``restored`` (or ``aged`` where that is missing) of prepared pairs.

    Raises FileNotFoundError when the folder has no truth, ValueError when sizes differ.
    """
    others = folder / ("restored" if (folder / "restored").is_dir() else "aged")
    truths = sorted((folder / "truth").glob("*.png"))
    if not truths:
        raise FileNotFoundError(f"{folder} has no truth; run archivist_faces.training.prepare")
    pairs = []
    for path in truths:
        truth, degraded = (_rgb(x) for x in (path, others / path.name))
        if truth.shape != degraded.shape:
            raise ValueError(f"{path.name} differs in size in {others}; prepare the pairs again")
        pairs.append(Pair(degraded=degraded, truth=truth))
    return pairs


@dataclass(frozen=True, slots=True)
class Samples:
    """Makes the sample of an index, the same one whenever it is asked for."""

    portraits: Sequence[Portrait]
    material: ageing.AgeingMaterial
    size: int
    seed: int
    pairs: Sequence[Pair] = ()

    def sample(self, index: int) -> Sample:
        """Return the degraded window and its truth, bytes (3, size, size)."""
        rng = generator("face sample", self.seed, index)
        if self.pairs and rng.random() < PREPARED:
            degraded, truth = self._prepared(rng)
        else:
            degraded, truth = self._aged(index, rng)
        if rng.random() < 0.5:
            degraded, truth = degraded[:, ::-1], truth[:, ::-1]
        return _planes(degraded), _planes(truth)

    def _aged(self, index: int, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
        """Age a window at its own size, or smaller and enlarge it."""
        by = rng.uniform(1, MOST_ENLARGED) if rng.random() < ENLARGED else 1.0
        side = max(48, round(self.size / by))
        clean = window(self.portraits[int(rng.integers(len(self.portraits)))], side, rng)
        batch = torch.from_numpy(_planes(clean))[None].float() / 255
        aged = ageing.draw([index], batch, self.seed, AS_PRINTS, self.material)
        pixels, truth = (x[0].permute(1, 2, 0).numpy() for x in (aged.pixels, aged.truth))
        return _sized(pixels, self.size), _sized(truth, self.size)

    def _prepared(self, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
        """Cut a window out of a pair; small pictures are enlarged until they hold one."""
        pair = self.pairs[int(rng.integers(len(self.pairs)))]
        height, width = pair.truth.shape[:2]
        least = self.size * rng.uniform(1.0, 1.15)
        by = max(1.0, least / min(height, width))
        size = max(self.size, round(width * by)), max(self.size, round(height * by))
        where = [int(rng.integers(0, side - self.size + 1)) for side in size]
        parts = []
        for pixels in (pair.degraded, pair.truth):
            whole = pixels if by == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
            parts.append(whole[where[1] :, where[0] :][: self.size, : self.size])
        return parts[0], parts[1]


def window(portrait: Portrait, side: int, rng: np.random.Generator) -> Bytes:
    """Return a window (side, side, 3) on a face of random size, turned a little.

    The window's middle lies within the middle half of the face's crop; beyond the portrait its edge
    is mirrored.
    """
    low, high = FACE_SIDES[0] * side / 192, min(FACE_SIDES[1], 1.1 * portrait.side)
    wanted = float(np.exp(rng.uniform(np.log(low), np.log(max(low, high)))))
    scale = wanted / portrait.side
    pixels = portrait.pixels
    if scale < 1:
        size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    middle = portrait.landmarks.mean(axis=0) * scale + rng.uniform(-0.25, 0.25, 2) * wanted
    turn = cv2.getRotationMatrix2D((0, 0), float(rng.uniform(-TURN, TURN)), max(1.0, scale))
    turn[:, 2] = side / 2 - turn[:, :2] @ (middle if scale < 1 else middle / scale)
    border = cv2.BORDER_REFLECT_101
    return np.asarray(
        cv2.warpAffine(pixels, turn, (side, side), flags=cv2.INTER_CUBIC, borderMode=border)
    )


def _sized(pixels: Floats, size: int) -> Bytes:
    if pixels.shape[0] != size:
        pixels = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8)


def _planes(pixels: Bytes) -> Bytes:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _rgb(path: Path) -> Bytes:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise FileNotFoundError(f"{path} cannot be read; restore the aged portraits again")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
