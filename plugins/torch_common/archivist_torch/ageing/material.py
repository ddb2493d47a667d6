"""What ageing is made of: textures and tints measured on real prints, and damage overlays.

Textures are made once: the high-pass residue of a smooth part of a print (sky, mount) is spread
over a periodic tile by convolution with white noise, which keeps its spectrum, that is the size,
shape and direction of its grain, and no picture content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_torch.ageing.texture import UNIT
from archivist_torch.damage_shapes.overlays import Overlays
from archivist_torch.degrade import luma
from archivist_torch.seeding import generator

SIDE = 256
"""Side of a tile in pixels."""
PATCH = 64
"""Side of the smooth patch of a print that a texture is measured on."""
MOST_TEXTURES = 96
GRAIN_SIZES = (0.6, 0.8, 1.0, 1.3, 1.7)
"""Sigma in pixels of the blurred noise that stands for grain."""

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeingMaterial:
    """Tiles (N, SIDE, SIDE) int8, tints (N, 3, 3) float32, overlays (numpy, stay on the CPU).

    ``white`` is independent noise, ``grain`` blurred noise, ``paper`` the texture of prints. A tint
    is what a print adds to grey in darks, mid-tones and lights, to red, green and blue.
    """

    white: Tensor
    grain: Tensor
    paper: Tensor
    tints: Tensor
    overlays: Overlays = field(default_factory=dict)

    @classmethod
    def procedural(cls, overlays: Overlays | None = None) -> AgeingMaterial:
        """Make material without any real print: fibrous noise and tints of common processes."""
        rng = generator("ageing material")
        white = [_noise(rng) for _ in range(4)]
        grain = [_blurred(_noise(rng), sigma) for sigma in GRAIN_SIZES]
        paper = [_fibres(rng) for _ in range(12)]
        return cls(
            white=_tiles(white),
            grain=_tiles(grain),
            paper=_tiles(paper),
            tints=torch.from_numpy(_common_tints(rng)),
            overlays=overlays or {},
        )

    @classmethod
    def from_prints(
        cls, prints: Sequence[NDArray[np.uint8]], overlays: Overlays | None = None
    ) -> AgeingMaterial:
        """Measure textures and tints on prints (uint8, grey or RGB).

        What no print offers (a smooth part, colour) is filled from :meth:`procedural`.
        """
        made = cls.procedural(overlays)
        rng = generator("print textures")
        found = [tint(pixels) for pixels in prints if pixels.ndim == 3]
        if found:
            made = replace(made, tints=torch.from_numpy(np.stack(found)))
        patches = [residue(pixels) for pixels in prints[:: len(prints) // MOST_TEXTURES + 1]]
        spread = [_spread(patch, rng) for patch in patches if patch is not None]
        return replace(made, paper=_tiles(spread)) if spread else made

    def to(self, device: torch.device | str) -> AgeingMaterial:
        """Return this material with its tensors on a device."""
        moved = {name: getattr(self, name).to(device) for name in _TENSORS}
        return replace(self, **moved)


_TENSORS = ("white", "grain", "paper", "tints")


def tint(pixels: NDArray[np.uint8]) -> Pixels:
    """Measure the tint (3, 3) of an RGB print: the colour of its darks, mid-tones and lights."""
    height, width = pixels.shape[:2]
    inner = pixels[height // 8 : height - height // 8, width // 8 : width - width // 8, :3]
    small = cv2.resize(inner, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lightness = luma(small)
    offset = small - lightness[..., None]
    parts = [(0, 25), (37, 63), (75, 100)]
    limits = [np.percentile(lightness, part) for part in parts]
    chosen = [offset[(lightness >= low) & (lightness <= high)] for low, high in limits]
    return np.stack([np.median(part, axis=0) for part in chosen]).astype(np.float32)


def residue(pixels: NDArray[np.uint8]) -> Pixels | None:
    """Return the high-pass residue (PATCH, PATCH) of the smoothest part of a print, or None."""
    scaled = pixels.astype(np.float32) / np.float32(255)
    grey = luma(scaled if scaled.ndim == 2 else scaled[..., :3])
    coarse = cv2.GaussianBlur(grey, (0, 0), 3)
    best, place = 0.02, None  # more than 5 levels of variation is content, not paper
    for top in range(0, grey.shape[0] - PATCH, PATCH // 2):
        for left in range(0, grey.shape[1] - PATCH, PATCH // 2):
            part = coarse[top : top + PATCH, left : left + PATCH]
            if 0.15 < part.mean() < 0.95 and part.std() < best:
                best, place = float(part.std()), (top, left)
    if place is None:
        return None
    rough = grey - cv2.GaussianBlur(grey, (0, 0), 5)
    patch = rough[place[0] : place[0] + PATCH, place[1] : place[1] + PATCH]
    return patch if patch.std() > 0.001 else None


def _spread(patch: Pixels, rng: np.random.Generator) -> Pixels:
    """Make a periodic tile with the spectrum of a patch."""
    faded = (patch - patch.mean()) * np.outer(np.hanning(PATCH), np.hanning(PATCH))
    spectrum = np.fft.rfft2(_noise(rng)) * np.fft.rfft2(faded, (SIDE, SIDE))
    return np.fft.irfft2(spectrum, (SIDE, SIDE)).astype(np.float32)


def _noise(rng: np.random.Generator) -> Pixels:
    return rng.standard_normal((SIDE, SIDE), np.float32)


def _blurred(noise: Pixels, sigma: float, stretch: float = 1.0) -> Pixels:
    """Blur a periodic tile, by ``stretch`` times more along y."""
    frequency = np.fft.fftfreq(SIDE)
    along_x, along_y = (np.exp(-2 * (np.pi * frequency * s) ** 2) for s in (sigma, sigma * stretch))
    return np.fft.ifft2(np.fft.fft2(noise) * np.outer(along_y, along_x)).real.astype(np.float32)


def _fibres(rng: np.random.Generator) -> Pixels:
    """Make paper: fine grain and fibres along both axes, at several sizes."""
    layers = [(_blurred(_noise(rng), rng.uniform(0.5, 1.2)), 1.0)]
    layers += [(_blurred(_noise(rng), rng.uniform(0.6, 1.5), rng.uniform(1, 5)), 0.7)]
    layers += [(_blurred(_noise(rng), rng.uniform(0.6, 1.5), rng.uniform(1, 5)).T, 0.7)]
    layers += [(_blurred(_noise(rng), rng.uniform(3, 8)), 0.5)]
    mixed = np.sum([weight * layer / layer.std() for layer, weight in layers], axis=0)
    return np.asarray(mixed, np.float32)


def _common_tints(rng: np.random.Generator) -> Pixels:
    """Make 32 tints about the median of real prints: brown darks, yellow lights."""
    median = np.array([[0.04, -0.01, -0.05], [0.055, -0.005, -0.075], [0.035, 0.0, -0.08]])
    shares = rng.uniform(0.1, 1.8, (32, 1, 1)) * rng.uniform(0.7, 1.3, (32, 3, 1))
    return np.asarray(shares * median + rng.normal(0, 0.006, (32, 1, 3)), np.float32)


def _tiles(fields: Sequence[Pixels]) -> Tensor:
    """Pack fields as int8 tiles of equal contrast."""
    stacked = np.stack([(tile - tile.mean()) / tile.std() for tile in fields])
    return torch.from_numpy(np.rint(stacked * UNIT).clip(-127, 127).astype(np.int8))
