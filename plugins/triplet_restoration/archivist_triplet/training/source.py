"""Batches of training samples: crops from memory, aged in a worker or on the accelerator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from archivist_torch import ageing
from archivist_torch.training import Batch
from archivist_triplet.samples import Material, clean_crop, print_crop


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
    pays where that is an accelerator. ``prints`` says whether crops of real prints are needed.
    """

    material: Material
    seed: int
    size: int
    settings: ageing.AgeingSettings
    prints: bool
    early: bool

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
        return torch.stack([crop(self.material, i, self.size, seed=self.seed) for i in indices])

    def _aged(self, indices: Sequence[int], clean: Tensor) -> tuple[Tensor, ...]:
        shown = clean.float() / 255
        aged = ageing.draw(indices, shown, self.seed, self.settings, self.material.ageing)
        return in_bytes(aged.pixels), in_bytes(aged.truth), aged.mask, aged.observed


def signed(pixels: Tensor) -> Tensor:
    """Return bytes 0..255 as float32 -1..1, channels last."""
    return (pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def in_bytes(pixels: Tensor) -> Tensor:
    """Return float values 0..1 as bytes; old prints come as files of 8 bits."""
    return (pixels * 255).round().clamp(0, 255).to(torch.uint8)
