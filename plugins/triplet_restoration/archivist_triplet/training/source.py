"""Batches of training samples: crops from memory, aged in a worker or on the accelerator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from archivist_torch import ageing
from archivist_torch.ageing.detail import REACH, blur
from archivist_torch.seeding import generator
from archivist_torch.training import Batch
from archivist_triplet.samples import SCALES, Material, clean_crop, print_crop

LIKE_PRINTS = ageing.AgeingSettings(
    pristine=0.02,
    toning=0.9,
    fading=0.6,
    yellowing=0.1,
    contrast=0.1,
    uneven=0.25,
    grain=0.5,
    paper=0.6,
    blur=0.08,
    noise=0.1,
    low_resolution=0.05,
    undamaged=0.5,
)
"""Ageing as scans of real prints show it: toned, textured, sharp, less damaged than the samples
that the mapping learns from. The classifier of :mod:`archivist_triplet.alignment` tells the pixels
of such samples, sharpened, from those of prints in 69 % of crops, and 79 % of the default mix."""
SHARPENED = 0.7
"""Share of samples like prints that are sharpened, as scanning programs do: three prints in four
have more contrast in their finest detail than any photograph of ours."""
MOST_SHARPENING = 1.5
RADIUS = 0.8
"""Of the sharpening: share of detail added, and the sigma of what counts as detail, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Pictures of one batch on the device, float32 (batch, 3, size, size), values -1..1.

    ``mask`` and ``observed`` (batch, 1, size, size) are 1 where a pixel is damaged in truth, and
    where a detector would say so. ``prints`` are as many crops of real old prints, unrelated to
    the rest, or none.
    """

    aged: Tensor
    truth: Tensor
    mask: Tensor
    observed: Tensor
    prints: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Makes the samples of an index, the same ones whenever they are asked for.

    With ``early`` the worker ages its pictures; else :meth:`samples` does so on the device, which
    pays where that is an accelerator. ``prints`` says whether crops of real prints are needed,
    ``sharpened`` which share of aged pictures is sharpened, ``scales`` between which scales crops
    are taken.
    """

    material: Material
    seed: int
    size: int
    settings: ageing.AgeingSettings
    prints: bool
    early: bool
    sharpened: float = 0.0
    scales: tuple[float, float] = SCALES

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return what a worker makes of these samples, in bytes.

        Indices, clean crops and print crops; with ``early`` also aged pictures, truth, mask and
        observed mask.
        """
        clean = self._crops(clean_crop, indices)
        prints = self._crops(print_crop, indices) if self.prints else clean[:0]
        crops = (torch.tensor(indices), clean, prints)
        return (*crops, *self._aged(indices, clean)) if self.early else crops

    def samples(self, batch: Batch) -> Samples:
        """Return the samples of a batch, which was moved to the device."""
        indices, clean, prints, *aged = batch
        pixels, truth, mask, observed = aged or self._aged(indices.tolist(), clean)
        return Samples(
            aged=signed(pixels),
            truth=signed(truth),
            mask=mask.float(),
            observed=observed.float(),
            prints=signed(prints),
        )

    def _crops(self, crop: Callable[..., Tensor], indices: Sequence[int]) -> Tensor:
        crops = [
            crop(self.material, i, self.size, seed=self.seed, scales=self.scales) for i in indices
        ]
        return torch.stack(crops)

    def _aged(self, indices: Sequence[int], clean: Tensor) -> tuple[Tensor, ...]:
        shown = clean.float() / 255
        aged = ageing.draw(indices, shown, self.seed, self.settings, self.material.ageing)
        pixels = aged.pixels
        if self.sharpened:
            drawn = [generator("sharpening", self.seed, i).random(2) for i in indices]
            amounts = [MOST_SHARPENING * by if so < self.sharpened else 0.0 for so, by in drawn]
            pixels = sharpened(pixels, torch.tensor(amounts, device=pixels.device))
        return in_bytes(pixels), in_bytes(aged.truth), aged.mask, aged.observed


def sharpened(pixels: Tensor, amounts: Tensor) -> Tensor:
    """Add to pixels (batch, 3, h, w), 0..1, so much (batch,) of their own fine detail."""
    taps = torch.exp(-0.5 * (torch.arange(-REACH, REACH + 1, device=pixels.device) / RADIUS) ** 2)
    taps = (taps / taps.sum()).expand(len(pixels), -1)
    detail = pixels - blur(pixels, taps=taps)
    return (pixels + amounts.float()[:, None, None, None] * detail).clamp(0, 1)


def signed(pixels: Tensor) -> Tensor:
    """Return bytes 0..255 as float32 -1..1, channels last."""
    return (pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def in_bytes(pixels: Tensor) -> Tensor:
    """Return float values 0..1 as bytes; old prints come as files of 8 bits."""
    return (pixels * 255).round().clamp(0, 255).to(torch.uint8)
