"""Photographs kept out of training, aged with a frozen seed, and the masks of their damage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archivist.api import Colour, Image, Mask
from archivist.testing import FakeContext
from archivist_torch.ageing import Aged, AgeingMaterial, AgeingSettings, draw, only
from archivist_triplet.samples import Material

Pixels = NDArray[np.float32]
Region = NDArray[np.bool_]

SIDE = 512
"""Longer side of the photographs, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An aged photograph and its truth (height, width, 3), and its damage (height, width)."""

    aged: Pixels
    truth: Pixels
    damage: Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Photographs (height, width, 3), values 0..1, and what ages them."""

    photographs: Sequence[Pixels]
    material: AgeingMaterial
    seed: int

    @classmethod
    def read(cls, data: Path, seed: int) -> Workload:
        """Read what was kept out of training: photographs, and prints and overlays to age them."""
        held_out = Material.read(data, "val")
        album = held_out.photos
        photographs = [_fitted(album[number].numpy()) for number in range(len(album))]
        return cls(photographs=photographs, material=held_out.ageing, seed=seed)

    def samples(self, settings: AgeingSettings, count: int) -> list[Sample]:
        """Age the first photographs by a random mix of kinds."""
        return [
            _sample(draw([i], _tensor(photograph), self.seed, settings, self.material))
            for i, photograph in enumerate(self.photographs[:count])
        ]

    def samples_of(self, kind: str, count: int) -> list[Sample]:
        """Age the first photographs by one kind."""
        return [
            _sample(only(kind, [i], _tensor(photograph), self.seed, self.material))
            for i, photograph in enumerate(self.photographs[:count])
        ]


def masks_of(samples: Sequence[Sample], how: str) -> list[Region]:
    """Return the masks that all methods get: true, detected by ``scratch.detect``, or none."""
    if how == "true":
        return [sample.damage for sample in samples]
    if how == "none":
        return [np.zeros_like(sample.damage) for sample in samples]
    from archivist_scratch import detect
    from archivist_scratch.params import DetectParams
    from archivist_scratch.plugin import DETECT

    context = FakeContext(spec=DETECT, tile=1024)
    found = [
        detect.run({"image": as_image(sample.aged)}, DetectParams(), context)["mask"]
        for sample in samples
    ]
    return [mask.pixels for mask in found if isinstance(mask, Mask)]


def as_image(pixels: Pixels) -> Image:
    """Return RGB pixels as the value that steps take."""
    return Image(pixels=pixels, colour=Colour.RGB)


def _sample(aged: Aged) -> Sample:
    pixels, truth = (
        np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())
        for picture in (aged.pixels, aged.truth)
    )
    return Sample(aged=pixels, truth=truth, damage=aged.mask[0, 0].numpy())


def _tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def _fitted(pixels: NDArray[np.uint8]) -> Pixels:
    """Return a picture as floats, its longer side SIDE."""
    shrink = SIDE / max(pixels.shape[:2])
    if shrink != 1:
        pixels = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    return pixels.astype(np.float32) / np.float32(255)
