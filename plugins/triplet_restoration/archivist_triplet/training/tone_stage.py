"""Stage 2: the guess of tone (:mod:`archivist_triplet.tone_guess`), which needs nothing else.

Samples are made once and remembered as few colours, so that each is seen many times: what a faded
print looked like is told from statistics of many pictures, not from the detail of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from archivist_torch.device import Compute
from archivist_torch.seeding import generator
from archivist_torch.training import Batch
from archivist_triplet.compact import fill_smoothly
from archivist_triplet.tone_guess import LUMA, SIDE, ToneGuess, facts_of, reduced_colours
from archivist_triplet.training.objectives import in_decades
from archivist_triplet.training.source import Source

AT_ONCE = 8
APART = 2
"""Of the reduced positions, along each side, one in so many is remembered."""
CERTAIN = 1e-3
"""Mean square error (of -1..1) that is as good as none: 36 dB."""
NARROWEST = 1e-3
"""No fact is scaled by less than this spread."""
DECAY = 0.03
"""Weight decay. There are a few hundred photographs behind all samples."""


class ToneSamples:
    """``count`` samples of a source, 7 kB each: facts, colours, true colours, what is sound."""

    def __init__(self, source: Source, count: int, compute: Compute) -> None:
        parts = []
        for first in range(0, count, AT_ONCE):
            batch = source.batch(range(first, min(first + AT_ONCE, count)))
            batch = tuple(part.to(compute.device) for part in batch)
            parts.append([part.cpu() for part in _remembered(source, batch)])
        self.facts, self.colours, self.truth, self.sound = (
            torch.cat(part) for part in zip(*parts, strict=True)
        )

    def __len__(self) -> int:
        return len(self.facts)

    def chosen(self, numbers: Tensor) -> Batch:
        """Return these samples, their colours again as float32 -1..1."""
        colours, truth = (x[numbers].float() / 127.5 - 1 for x in (self.colours, self.truth))
        return self.facts[numbers], colours, truth, self.sound[numbers]


class ToneTask:
    """Samples, loss and validation of the guess; ``score`` is its gain in dB of lightness."""

    def __init__(self, samples: ToneSamples, held_out: ToneSamples, seed: int) -> None:
        self.samples, self.held_out, self.seed = samples, held_out, seed

    def begun(self) -> ToneGuess:
        """Return a guess that changes nothing yet and knows the scale of all facts."""
        guess, facts = ToneGuess(), self.samples.facts
        guess.centre.copy_(facts.mean(dim=0))
        guess.spread.copy_(facts.std(dim=0).clamp(min=NARROWEST))
        return guess

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return as many of the remembered samples, drawn by the first index."""
        rng = generator("tone", self.seed, indices[0])
        return self.samples.chosen(
            torch.from_numpy(rng.integers(len(self.samples), size=len(indices)))
        )

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the mean logarithm of the error, half of colours and half of lightness.

        The logarithm, for the reason given at :class:`archivist_triplet.training.lessons`.
        """
        with torch.autocast(batch[0].device.type, enabled=False):
            return torch.stack([in_decades(e, CERTAIN) for e in _errors(network, batch)]).mean()

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return the gain over held-out samples."""
        device = next(network.parameters()).device
        everything = torch.arange(len(self.held_out))
        batch = tuple(part.to(device) for part in self.held_out.chosen(everything))
        before = _errors(ToneGuess().to(device), batch)
        after = _errors(network, batch)
        colour, lightness = (
            10 * (in_decades(old, CERTAIN) - in_decades(new, CERTAIN)).item()
            for old, new in zip(before, after, strict=True)
        )
        return {"score": lightness, "colour": colour}


def optimisers(guess: ToneGuess, *, rate: float) -> list[torch.optim.Optimizer]:
    """Return AdamW: the layers are too small for anything else to pay."""
    return [torch.optim.AdamW(guess.parameters(), lr=rate, weight_decay=DECAY)]


def _errors(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the mean square errors (batch,) of colours and of lightness at sound positions."""
    facts, colours, truth, sound = batch
    apart = (network(facts, colours) - truth) * sound[:, None]
    light = (apart * apart.new_tensor(LUMA)[:, None]).sum(dim=1)
    number = sound.sum(dim=1).clamp(min=1)
    return apart.square().sum(dim=(1, 2)) / (3 * number), light.square().sum(dim=1) / number


def _remembered(source: Source, batch: Batch) -> tuple[Tensor, ...]:
    """Return facts, colours and truth in bytes, and what is sound, of one batch."""
    samples = source.samples(batch)
    filled = fill_smoothly(samples.aged, samples.observed)
    colours, sound = reduced_colours(filled, samples.observed)
    truth, _ = reduced_colours(samples.truth, samples.observed)
    stored = (_few(((x + 1) * 127.5).round().to(torch.uint8)) for x in (colours, truth))
    return facts_of(colours, sound), *stored, _few(sound)


def _few(positions: Tensor) -> Tensor:
    """Return some of the positions (..., SIDE x SIDE), evenly spread."""
    return positions.unflatten(-1, (SIDE, SIDE))[..., ::APART, ::APART].flatten(-2)
