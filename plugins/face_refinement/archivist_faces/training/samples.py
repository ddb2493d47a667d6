"""Samples for the generator: windows on faces and whole faces, degraded, and as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_faces.training.pairs import Pair
from archivist_faces.training.portraits import AS_PRINTS, Bytes, Portrait
from archivist_faces.training.whole import Whole, cut, drawn_side, middle, of_pair, to_bytes
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

    def whole(self, index: int) -> Sample:
        """Return a degraded face, its truth, bytes (3, side, side), and where it is described.

        The side is a multiple of 16 between 192 and 288; the last is the matrix (3, 3) of
        :meth:`archivist_faces.training.whole.Whole.looked_at`.
        """
        rng = generator("whole face", self.seed, index)
        if self.pairs and rng.random() < PREPARED:
            face = of_pair(self.pairs[int(rng.integers(len(self.pairs)))])
        else:
            face = self._whole_aged(index, rng)
        if rng.random() < 0.5:
            face = face.mirrored()
        return _planes(face.degraded), _planes(face.truth), face.looked_at()

    def _aged(self, index: int, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
        """Age a window at its own size, or smaller and enlarge it."""
        side = max(48, round(self.size / _enlarged_by(rng)))
        clean = window(self.portraits[int(rng.integers(len(self.portraits)))], side, rng)
        degraded, truth = self._older(index, clean)
        return _sized(degraded, self.size), _sized(truth, self.size)

    def _whole_aged(self, index: int, rng: np.random.Generator) -> Whole:
        """Age a whole face at its own size, or smaller and enlarge it.

        Smaller also when the portrait itself is: nothing is gained by enlarging it before.
        """
        portrait = self.portraits[int(rng.integers(len(self.portraits)))]
        size = drawn_side(rng)
        side = min(round(size / _enlarged_by(rng)), round(1.1 * portrait.side))
        degrees = float(rng.uniform(-TURN, TURN))
        clean, marks = cut(portrait, side, side / portrait.side, middle(portrait), degrees)
        degraded, truth = (_sized(part, size) for part in self._older(index, clean))
        return Whole(degraded=degraded, truth=truth, landmarks=marks * (size / side))

    def _older(self, index: int, clean: Bytes) -> tuple[Floats, Floats]:
        """Return the aged pixels and their truth, (side, side, 3), 0..1."""
        batch = torch.from_numpy(_planes(clean))[None].float() / 255
        aged = ageing.draw([index], batch, self.seed, AS_PRINTS, self.material)
        pixels, truth = (x[0].permute(1, 2, 0).numpy() for x in (aged.pixels, aged.truth))
        return pixels, truth

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
    about = portrait.landmarks.mean(axis=0) + rng.uniform(-0.25, 0.25, 2) * portrait.side
    degrees = float(rng.uniform(-TURN, TURN))
    return cut(portrait, side, wanted / portrait.side, about, degrees)[0]


def _enlarged_by(rng: np.random.Generator) -> float:
    return float(rng.uniform(1, MOST_ENLARGED)) if rng.random() < ENLARGED else 1.0


def _sized(pixels: Floats, size: int) -> Bytes:
    if pixels.shape[0] != size:
        pixels = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_CUBIC)
    return to_bytes(pixels)


def _planes(pixels: Bytes) -> Bytes:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
