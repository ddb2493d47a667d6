"""Cheap lessons in tone: many samples, remembered at few positions.

What a faded print looked like must be told from the picture as a whole, so every sample is one
lesson, and a step of four samples teaches little: after 2400 of them the gain stood at 1 dB, where
a small regression on quantiles of colour, which saw ten times as many, gained 2.2 dB. A sample's
latent at 144 positions is enough for such a lesson and costs a thousandth of the whole way. The
samples are pictures nearly as a whole, made small, which also makes them cheap to age.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from archivist_torch.device import Compute
from archivist_triplet.compact import (
    STRIDE,
    Mapping,
    Triplet,
    fill_smoothly,
    reduced,
    seen_small,
)
from archivist_triplet.training.fits import affine_fit
from archivist_triplet.training.objectives import in_decades
from archivist_triplet.training.source import Samples, Source

SIDE = 96
"""Of a sample, in pixels: a picture of 512 px at a fifth of its size."""
SCALES = (0.15, 0.45)
"""At which pictures are taken: nearly all show the whole of their shorter side."""
APART = 2
"""Positions of a latent, along each side, of which one is remembered."""
CERTAIN = 1e-3
"""Mean square error (of -1..1) that is as good as none: 36 dB, what reading colours costs."""
AT_ONCE = 16
FITTED = 1024
"""Samples from which it is learnt to read colours; 150,000 positions."""
TAUGHT = 64
"""Samples in one lesson."""


class ToneLessons:
    """Teaches the description of pictures, and what tone follows from it.

    ``count`` samples go through the frozen encoders once. A lesson takes some of them, changes
    their tone as the mapping would everywhere alike, and compares the mean colour of each position
    with that of the truth, -1..1; colours are read from latents by a least-squares fit.

    The loss is the logarithm of a picture's mean square error. A faded print whose tone must be
    guessed stays wrong by a tenth of white at best; by the plain error such pictures are all that
    counts, and good ones were spoilt for them: by 16 dB where the input had 42.
    """

    def __init__(self, network: Triplet, source: Source, compute: Compute, count: int) -> None:
        device = compute.device
        encoders = [vae.encoder.to(device) for vae in (network.vae_a, network.vae_b)]
        parts, clean = [], []
        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count))
            batch = tuple(part.to(device) for part in source.batch(numbers))
            with torch.no_grad(), compute.autocast():
                *part, latent = _remembered(source.samples(batch), *encoders)
            parts.append(part)
            if first < FITTED:
                clean.append(latent)
        self.old, self.colour, self.sound, self.small = (
            torch.cat(part) for part in zip(*parts, strict=True)
        )
        latents = torch.cat(clean)
        self.read, self.offset = affine_fit(_rows(latents), _rows(self.colour[: len(latents)]))

    def loss(self, mapping: Mapping) -> Tensor:
        """Return the mean logarithm of the error of colours after a change of tone."""
        chosen = torch.randint(len(self.old), (TAUGHT,)).to(self.old.device)
        old, sound = self.old[chosen].float(), self.sound[chosen]
        total, number = mapping.describe(old[..., None], 1 - sound[..., None])
        steer = mapping.context(total / number.clamp(min=1), self.small[chosen].float())
        amounts = mapping.tone.everywhere(steer).float()
        weight, bias = _affine(mapping, amounts)
        read, offset = self.read, self.offset[:, None]
        made = (read @ weight) @ old + read @ bias[..., None] + offset
        square = ((made - self.colour[chosen]).square() * sound).sum(dim=(1, 2))
        return in_decades(square / (3 * sound.sum(dim=(1, 2))).clamp(min=1), CERTAIN)


def _affine(mapping: Mapping, amounts: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight (batch, latent, latent) and bias of the straight path with a tone.

    The maps themselves are not taught, only how much of each is due.
    """
    straight, maps = mapping.straight, mapping.tone.maps
    count, latent = amounts.shape[1], straight.out_channels
    weights = maps.weight.detach().view(count, latent, latent)
    weight = torch.einsum("bk,koi->boi", amounts, weights) + straight.weight.detach()[:, :, 0, 0]
    bias = amounts @ maps.bias.detach().view(count, latent) + straight.bias.detach()
    return weight, bias


def _remembered(
    samples: Samples, encode_old: torch.nn.Module, encode_clean: torch.nn.Module
) -> tuple[Tensor, ...]:
    """Return latents of the old, mean colours, what is sound, small pictures, latents of the clean.

    All but the small pictures are (batch, channels, positions). Latents of the old and small
    pictures are in half precision: they are all kept, 37 kB a sample.
    """
    filled = fill_smoothly(samples.aged, samples.observed)
    small = seen_small(filled, samples.observed)
    hidden = torch.maximum(samples.mask, samples.observed)
    colour = functional.avg_pool2d(samples.truth, STRIDE)
    sound = (reduced(hidden) == 0).float()
    old, clean, colour, sound = (
        x[:, :, APART // 2 :: APART, APART // 2 :: APART].flatten(2)
        for x in (encode_old(filled), encode_clean(samples.truth), colour, sound)
    )
    return old.half(), colour.float(), sound, small.half(), clean.float()


def _rows(values: Tensor) -> Tensor:
    """Return (batch, channels, positions) as (batch x positions, channels)."""
    return values.permute(0, 2, 1).flatten(0, 1)
