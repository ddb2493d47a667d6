"""Cheap lessons in tone: many samples, remembered at few positions.

What a faded print looked like must be told from the picture as a whole, so every sample is one
lesson, and a step of four samples teaches little: after 2400 of them the gain stood at 1 dB, where
a small regression on quantiles of colour, which saw ten times as many, gained 2.2 dB. A sample's
latent at 144 positions is enough for such a lesson and costs a thousandth of the whole way.

A lesson shows more of a picture than the mapping's samples do, as much as a user's picture shows:
in a small piece black and white may be missing. Weights that had learnt from pieces of 192 px
gained 0.7 dB on held-out pictures of 384 px by lessons of that size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from archivist_torch.device import Compute
from archivist_triplet.compact import STRIDE, Mapping, Triplet, fill_smoothly, reduced
from archivist_triplet.training.fits import affine_fit
from archivist_triplet.training.objectives import in_decades
from archivist_triplet.training.source import Samples, Source

WIDER = 2
"""Side of a lesson's piece in those of the mapping's samples."""
APART = 4 * WIDER
"""Positions of a latent, along each side, of which one is remembered."""
AT_ONCE = 8
CERTAIN = 1e-3
"""Mean square error (of -1..1) that is as good as none: 36 dB, what reading colours costs."""
TAUGHT = 128
"""Samples in one lesson."""


class ToneLessons:
    """Teaches the description of pictures, and what tone follows from it.

    ``count`` samples go through the frozen encoders once. A lesson takes some of them, changes
    their tone as the mapping would everywhere alike, and compares the mean colour of each position
    with that of the truth, -1..1; colours are read from latents by a least-squares fit.

    The loss is the logarithm of a picture's mean square error. A faded print whose tone must be
    guessed stays wrong by a tenth of white at best; by the plain error such pictures are all that
    counts, and good ones are spoilt for them: by 16 dB where the input had 42.
    """

    def __init__(self, network: Triplet, source: Source, compute: Compute, count: int) -> None:
        device = compute.device
        encoders = [vae.encoder.to(device) for vae in (network.vae_a, network.vae_b)]
        parts = []
        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count))
            batch = tuple(part.to(device) for part in source.batch(numbers))
            with torch.no_grad(), compute.autocast():
                parts.append(_remembered(source.samples(batch), *encoders))
        self.old, clean, self.colour, self.sound = (
            torch.cat(part) for part in zip(*parts, strict=True)
        )
        self.read, self.offset = affine_fit(_rows(clean), _rows(self.colour))

    def loss(self, mapping: Mapping) -> Tensor:
        """Return the mean logarithm of the error of colours after a change of tone."""
        chosen = torch.randint(len(self.old), (TAUGHT,)).to(self.old.device)
        old, sound = self.old[chosen].float(), self.sound[chosen]
        total, number = mapping.describe(old[..., None], 1 - sound[..., None])
        amounts = mapping.tone.everywhere(mapping.context(total / number.clamp(min=1))).float()
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
    """Return latents of the old and the clean picture, mean colours, and what is sound.

    All are (batch, channels, positions); latents of the old are kept in half precision.
    """
    filled = fill_smoothly(samples.aged, samples.observed)
    hidden = torch.maximum(samples.mask, samples.observed)
    colour = functional.avg_pool2d(samples.truth, STRIDE)
    sound = (reduced(hidden) == 0).float()
    old, clean, colour, sound = (
        x[:, :, APART // 2 :: APART, APART // 2 :: APART].flatten(2)
        for x in (encode_old(filled), encode_clean(samples.truth), colour, sound)
    )
    return old.half(), clean.float(), colour.float(), sound


def _rows(values: Tensor) -> Tensor:
    """Return (batch, channels, positions) as (batch x positions, channels)."""
    return values.permute(0, 2, 1).flatten(0, 1)
