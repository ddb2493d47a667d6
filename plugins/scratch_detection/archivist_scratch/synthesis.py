"""Training samples: a piece of a photograph, aged as a print, damaged, scanned; and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_scratch.damage import apply_layers, random_layers
from archivist_torch.damage_shapes.overlays import Overlays, read_overlays
from archivist_torch.data import read_folder
from archivist_torch.degrade import luma, old_print, scan, sometimes
from archivist_torch.seeding import generator

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz 0123456789"
AGE, SCAN = sometimes(0.7, old_print()), sometimes(0.7, scan())


@dataclass(frozen=True, slots=True)
class Material:
    """What samples are made of: photographs (uint8, grey or RGB) and overlays by kind."""

    photos: Sequence[NDArray[np.uint8]]
    overlays: Overlays

    @classmethod
    def read(cls, data: Path, split: str, cache: Path | None = None) -> Material:
        """Read ``photos``, ``damage-overlays`` and, for training, ``faces`` if that is there.

        Validation uses ``photos`` alone, so that its figures stay comparable.
        """
        pictures = read_folder(data / "photos", split, cache=cache)
        if split == "train" and (data / "faces").is_dir():
            pictures += read_folder(data / "faces", split, cache=cache)
        overlays = read_overlays(data / "damage-overlays", split, cache=cache)
        return cls([_without_alpha(picture.pixels) for picture in pictures], overlays)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """Makes sample number ``index``, the same one whenever it is asked for."""

    material: Material
    seed: int
    size: int = 256
    clean_share: float = 0.4

    def __call__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a grey picture and its truth mask, both uint8 of (size, size)."""
        rng = generator("scratch", self.seed, index)
        pixels = AGE(_print_border(_lettering(self._piece(rng), rng), rng), rng)
        mask = np.zeros(pixels.shape, np.uint8)
        if rng.random() >= self.clean_share:
            layers = random_layers(pixels.shape, rng, self.material.overlays)
            pixels, mask = apply_layers(pixels, layers)
        pixels = SCAN(pixels, rng)
        return np.rint(pixels * 255).astype(np.uint8), mask

    def _piece(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Cut a grey square at a random scale, turned and mirrored at random, values 0..1."""
        photo = self.material.photos[rng.integers(len(self.material.photos))]
        # 0.6 shows much of a picture in little space, 2.2 the soft pixels of an enlarged scan.
        scale = float(np.exp(rng.uniform(np.log(0.6), np.log(2.2))))
        side = max(16, min(round(self.size / scale), *photo.shape[:2]))
        top, left = (rng.integers(length - side + 1) for length in photo.shape[:2])
        piece = _random_luma(photo[top : top + side, left : left + side], rng)
        how = cv2.INTER_AREA if side > self.size else cv2.INTER_CUBIC
        piece = cv2.resize(piece, (self.size, self.size), interpolation=how)
        piece = np.rot90(piece, rng.integers(4))
        piece = piece[:, ::-1] if rng.random() < 0.5 else piece
        return np.ascontiguousarray(np.clip(piece, 0, 1), np.float32)


def _without_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels if pixels.ndim == 2 else pixels[..., :3]


def _random_luma(piece: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Make a colour piece grey, sometimes with the weights of an early, blue-sensitive emulsion."""
    pixels = piece.astype(np.float32) / np.float32(255)
    if pixels.ndim == 2 or rng.random() < 0.6:
        return luma(pixels)
    return np.asarray(pixels @ rng.dirichlet((2, 2, 2)).astype(np.float32), np.float32)


def _lettering(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Write on some pictures: captions, signs and numbers on negatives are no damage."""
    if rng.random() > 0.1:
        return pixels
    ink = np.zeros(pixels.shape, np.uint8)
    for _ in range(rng.integers(1, 4)):
        text = "".join(rng.choice(list(LETTERS), rng.integers(3, 14)))
        place = tuple(int(v) for v in rng.integers(0, pixels.shape[0], 2))
        font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX]))
        size, thick = rng.uniform(0.4, 1.5), int(rng.integers(1, 4))
        cv2.putText(ink, text, place, font, size, 255, thick, cv2.LINE_AA)
    tone = np.float32(rng.choice([0.05, 0.95]))
    return pixels + ink.astype(np.float32) / np.float32(255) * (tone - pixels)


def _print_border(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Give some pictures the straight border of a print or a negative, which is no damage."""
    if rng.random() > 0.1:
        return pixels
    out = pixels.copy()
    tone = np.float32(rng.choice([rng.uniform(0.75, 1), rng.uniform(0, 0.15)]))
    for turn in range(rng.integers(1, 4)):
        out = np.rot90(out).copy() if turn else out
        out[: rng.integers(3, 40)] = tone
    return out
