"""Crops of photographs, and how they are made small: what training of the enlarger looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from archivist_reference_sr.picture import SCALE
from archivist_torch import degrade
from archivist_torch.data import Picture, read_folder
from archivist_torch.seeding import generator

Bytes = NDArray[np.uint8]
Reduce = Callable[[Bytes, np.random.Generator], Bytes]
"""Makes a picture (height, width, 3) four times smaller; both sides are multiples of 4."""

PHOTOS, GROUPS = "photos", "reference-groups"
HELD_OUT = ("opensfm-lund", "buddha", "openmvs-sample")
"""Groups that no training sees."""
MARGIN = 8
"""Pixels around a crop that are reduced with it, so that its border is not a picture's border."""
SHRUNK = 0.5
"""Share of crops taken from a picture that is first reduced by up to a third: finer content."""


def bicubic(pixels: Bytes, rng: np.random.Generator | None = None) -> Bytes:
    """Reduce by Pillow's bicubic filter: the protocol of the field."""
    size = pixels.shape[1] // SCALE, pixels.shape[0] // SCALE
    return np.asarray(Pillow.fromarray(pixels).resize(size, Pillow.Resampling.BICUBIC))


def realistic(pixels: Bytes, rng: np.random.Generator) -> Bytes:
    """Reduce after a blur, then add noise and JPEG: nearer to a scan than :func:`bicubic`."""
    before = degrade.sometimes(0.7, degrade.blur((0.3, 2.0)))
    after = degrade.in_turn(
        degrade.sometimes(0.7, degrade.noise((0.002, 0.03))),
        degrade.sometimes(0.6, degrade.jpeg((60, 98))),
    )
    small = bicubic(_bytes(before(_floats(pixels), rng)))
    return _bytes(after(_floats(small), rng))


REDUCE: dict[str, Reduce] = {"bicubic": bicubic, "realistic": realistic}


def groups(data: Path) -> list[Picture]:
    """Return the pictures of all groups; those of :data:`HELD_OUT` are for validation."""
    return read_folder(data / GROUPS, "train")


def rgb(pixels: Bytes) -> Bytes:
    """Return three channels: grey repeated, transparency dropped."""
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    return np.ascontiguousarray(np.broadcast_to(planes[..., :3], (*planes.shape[:2], 3)))


@dataclass(frozen=True, slots=True)
class Crops:
    """Pairs of crops by number: ``side`` pixels small, four times that large."""

    album: Sequence[Bytes]
    side: int
    seed: int
    reduce: Reduce = bicubic

    def pair(self, index: int) -> tuple[Bytes, Bytes]:
        """Return the small crop and its truth, (height, width, 3)."""
        rng = generator("ttsr-crop", self.seed, index)
        weights = self._weights()
        picture = self.album[rng.choice(len(self.album), p=weights)]
        large = _turned(self._large(picture, rng), rng)
        inside = slice(MARGIN // SCALE, MARGIN // SCALE + self.side)
        truth = large[MARGIN : MARGIN + self.side * SCALE, MARGIN : MARGIN + self.side * SCALE]
        small = self.reduce(np.ascontiguousarray(large), rng)[inside, inside]
        return np.ascontiguousarray(small), np.ascontiguousarray(truth)

    def _weights(self) -> NDArray[np.float64]:
        areas = np.array([p.shape[0] * p.shape[1] for p in self.album], float) ** 0.5
        return areas / areas.sum()

    def _large(self, picture: Bytes, rng: np.random.Generator) -> Bytes:
        whole = self.side * SCALE + 2 * MARGIN
        most = min(min(picture.shape[:2]) / whole, 1.5)
        factor = rng.uniform(1, most) if most > 1 and rng.random() < SHRUNK else min(most, 1.0)
        wanted = int(whole * factor)
        top, left = (int(rng.integers(0, length - wanted + 1)) for length in picture.shape[:2])
        crop = picture[top : top + wanted, left : left + wanted]
        if wanted == whole:
            return crop
        sized = Pillow.fromarray(crop).resize((whole, whole), Pillow.Resampling.BICUBIC)
        return np.asarray(sized)


def _turned(pixels: Bytes, rng: np.random.Generator) -> Bytes:
    turned = np.rot90(pixels, int(rng.integers(4)))
    return turned[:, ::-1] if rng.random() < 0.5 else turned


def _floats(pixels: Bytes) -> NDArray[np.float32]:
    return np.asarray(pixels, np.float32) / 255


def _bytes(pixels: NDArray[np.float32]) -> Bytes:
    return np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8)
