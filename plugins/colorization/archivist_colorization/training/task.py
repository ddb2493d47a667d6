"""What the compact network is trained for, once it has automatic colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_colorization.compact.decoder import UNIT, Guess
from archivist_colorization.compact.encoder import WIDTHS, Encoder, compared
from archivist_colorization.compact.network import (
    TEMPERATURE,
    Answer,
    Compact,
    lent,
    values,
)
from archivist_colorization.training.samples import Kind, Samples
from archivist_colorization.training.validation import Validation
from archivist_torch.device import Compute
from archivist_torch.training import Batch

SCALE = 0.3
"""Weight of the likelihood of errors, by which the scale is learnt."""
VIVID, SHARE = 0.06, 0.75
"""Weight of the wish that a picture has SHARE of the mean chroma of the true one: the most probable
colour alone is brown."""
TRUST = 0.6
"""Weight of knowing where the exemplar's colour is better than the automatic one."""
FOUND = 0.3
"""Weight of matches that lead to the true colour."""
DEPTHS = len(WIDTHS)


class ColourTask:
    """The second stage: distance of colours, on the scale of the eye, by exemplars.

    Encoder and automatic colour stay as they are: what the encoder sees in the pictures is computed
    with the samples, by the worker if there is one.
    """

    def __init__(
        self, encoder: Encoder, samples: Samples, validation: Validation, compute: Compute
    ) -> None:
        self.encoder, self.samples, self.validation = encoder, samples, validation
        self.dtype = compute.dtype

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return the maps of pictures, their colour; maps and colour of exemplars; and flags."""
        made = zip(*(self.samples.sample(n) for n in indices), strict=True)
        light, colour, exemplar, lent_colour, flags = (
            torch.from_numpy(np.stack(part)) for part in made
        )
        mixed = self.dtype is not torch.float32
        with torch.no_grad(), torch.autocast("cpu", self.dtype, enabled=mixed):
            maps = self.encoder(_laid(light))
            others = compared(self.encoder(_laid(exemplar)))
        return (flags, colour, lent_colour, *maps, *others)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        assert isinstance(network, Compact)
        flags, truth, lent_colour, *rest = batch
        maps, others = ([x.float() for x in part] for part in (rest[:DEPTHS], rest[DEPTHS:]))
        found = attended(network, compared(maps), others, lent_colour)
        answer = network(maps, found)
        loss = judged(answer.final, truth) + TRUST * trusted(answer, truth)
        alike = flags[:, 0] != Kind.STRANGER
        if alike.any():
            low = functional.avg_pool2d(truth, 2)
            loss = loss + FOUND * distance(found[alike, :2] * UNIT, low[alike]).mean() / UNIT
        return loss

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return shares of the error of grey that colour takes away."""
        assert isinstance(network, Compact)
        return self.validation(network)


def _laid(light: Tensor) -> Tensor:
    return light.contiguous(memory_format=torch.channels_last)


def judged(guess: Guess, truth: Tensor) -> Tensor:
    """Return the loss of a guess against true colour (batch, 2, ...)."""
    off = distance(guess.colour, truth)
    chroma = [_norm(x).mean((1, 2, 3)) for x in (guess.colour, truth)]
    dull = (SHARE * chroma[1] - chroma[0]).clamp_min(0)
    return (
        off.mean() / UNIT
        + SCALE * likelihood(guess.scale, off).mean() / 4
        + VIVID * dull.mean() / UNIT
    )


def likelihood(scale: Tensor, off: Tensor) -> Tensor:
    """Return what errors cost that were expected to be of a scale (its logarithm)."""
    return 2 * scale + off.detach() * torch.exp(-scale)


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Return the distance (batch, 1, ...) of colours (batch, 2, ...)."""
    return _norm(one - other)


def attended(network: Compact, maps: list[Tensor], others: list[Tensor], colour: Tensor) -> Tensor:
    """Return what exemplars lend (batch, FOUND, h / 8, w / 8), one exemplar for each picture.

    ``maps`` and ``others`` are those at strides 8 and 16, of the pictures and of the exemplars.
    """
    size = maps[0].shape[2:]
    wanted, offered = (network.matcher(x).flatten(2) for x in (maps, others))
    cosines = wanted.transpose(1, 2).float() @ offered.float()
    weights = torch.softmax(cosines / TEMPERATURE, dim=2)
    averaged = values(colour.flatten(2)) @ weights.transpose(1, 2)
    return lent(averaged, cosines.amax(2)).unflatten(2, size)


def trusted(answer: Answer, truth: Tensor) -> Tensor:
    """Return the cross entropy of trust with where the exemplar's colour is nearer to the truth."""
    assert answer.trust is not None
    assert answer.beside is not None
    with torch.no_grad():
        worse, better = (
            functional.avg_pool2d(distance(guess.colour, truth), 2)
            for guess in (answer.alone, answer.beside)
        )
        weight = ((worse - better).abs() / UNIT).clamp_max(2)
    wanted = (better < worse).float()
    return functional.binary_cross_entropy_with_logits(answer.trust, wanted, weight)


def _norm(x: Tensor) -> Tensor:
    return (x.float().square().sum(1, keepdim=True) + 1e-4).sqrt()
