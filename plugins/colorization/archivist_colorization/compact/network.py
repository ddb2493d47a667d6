"""The compact network as a whole: what its weight file holds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_colorization.compact.decoder import (
    HIGHEST,
    LOWEST,
    STRIDE,
    UNIT,
    Decoder,
    Fusion,
    Guess,
    raised,
)
from archivist_colorization.compact.encoder import WIDTHS, Encoder
from archivist_colorization.features import unit_length

GRID = 8
"""Positions are matched at one eighth of the size."""
VECTOR = 96
"""Length of the vectors that are compared."""
ALONE, BESIDE = 0, 1
"""Rows of the calibration: automatic colour, and that of exemplars."""
MOST_CHROMA = 1.3
"""What the chroma of a guess is multiplied by at most."""
TEMPERATURE = 0.03
"""Of the softmax over positions: positions nearly as similar as the best have a say."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network says of pictures.

    ``alone`` is the automatic colour, ``final`` that with exemplars; ``trust`` (batch, 1, h / 8,
    w / 8) are logits of how far the final colour is the exemplars'.
    """

    alone: Guess
    final: Guess
    trust: Tensor | None = None
    beside: Guess | None = None
    """The exemplars' colour where it is trusted wholly."""


class Matcher(nn.Module):
    """Vectors to compare, of the maps at strides 8 and 16."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Conv2d(WIDTHS[1] + WIDTHS[3], VECTOR, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return vectors (batch, VECTOR, h / 8, w / 8) of length 1, of maps as for `joined`."""
        return unit_length(self.project(joined(maps)).float())


class Compact(nn.Module):
    """Encoder, matcher, decoder and fusion: 2.7 million numbers.

    ``calibration`` has a row for each kind of guess; see :meth:`calibrated`.
    """

    calibration: Tensor
    trusting: Tensor

    def __init__(self, encoder: Encoder | None = None) -> None:
        super().__init__()
        self.register_buffer("calibration", torch.tensor([[0.0, 1, 1, 0], [0.0, 1, 1, 0]]))
        self.register_buffer("trusting", torch.tensor([0.0, 1, 0]))
        self.encoder = encoder or Encoder()
        self.matcher, self.decoder, self.fusion = Matcher(), Decoder(), Fusion()

    def forward(self, maps: list[Tensor], found: Tensor | None = None) -> Answer:
        """Return colour for the maps of pictures.

        ``found`` (batch, FOUND, h / 8, w / 8) is what exemplars lend, see :func:`lent`.
        """
        middle = self.decoder.middle(maps)
        alone = self.decoder.coarse(middle)
        if found is None:
            return Answer(alone, alone)
        low = Guess(_lowered(alone.colour), _lowered(alone.scale))
        shift, trust = self.fusion(middle, found, low)
        beside = self.decoder.fine(middle + shift, maps)
        # The exemplar's colour takes the place of the coarse automatic colour; detail stays.
        moved = found[:, :2].float() * UNIT - low.colour
        beside = Guess(beside.colour + raised(moved), beside.scale)
        return Answer(alone, blended(alone, beside, torch.sigmoid(trust)), trust, beside)

    def calibrated(self, guess: Guess, row: int) -> Guess:
        """Return a guess as it is to be taken: errors as they are on other pictures.

        A row (a, b, keep, fade) says that the scale is ``a + b * scale``, and the share of chroma
        that is kept ``keep + fade * scale``, within 0..MOST_CHROMA. Training sees guesses without
        it.
        """
        a, b, keep, fade = self.calibration[row]
        share = (keep + fade * guess.scale).clamp(0, MOST_CHROMA)
        return Guess(guess.colour * share, (a + b * guess.scale).clamp(LOWEST, HIGHEST))

    def trusted(self, trust: Tensor, similarity: Tensor) -> Tensor:
        """Return how far exemplars are trusted, 0..1, for logits and the similarity of matches."""
        a, b, c = self.trusting
        return torch.sigmoid(a + b * trust + c * similarity)


def blended(alone: Guess, beside: Guess, trust: Tensor) -> Guess:
    """Return what lies between two guesses.

    ``trust`` (batch, 1, h / 8, w / 8), 0..1, is the share of the second.
    """
    share = raised(trust)
    return Guess(
        alone.colour + share * (beside.colour - alone.colour),
        alone.scale + share * (beside.scale - alone.scale),
    )


def joined(maps: list[Tensor]) -> Tensor:
    """Return the maps at strides 8 and 16 as one, at stride 8."""
    deep = functional.interpolate(maps[1], size=maps[0].shape[2:], mode="bilinear")
    return torch.cat([maps[0], deep], dim=1)


def values(colour: Tensor) -> Tensor:
    """Return what is averaged over an exemplar's positions: (4, m) of colour (2, m)."""
    scaled = colour / UNIT
    return torch.cat([scaled, scaled.square()], dim=-2)


def lent(averaged: Tensor, similarity: Tensor) -> Tensor:
    """Return what exemplars lend (..., FOUND, n): a, b, their spread, and similarity.

    ``averaged`` (..., 4, n) are averages of :func:`values`, ``similarity`` (..., n).
    """
    mean, square = averaged.split(2, dim=-2)
    spread = (square - mean.square()).sum(dim=-2, keepdim=True).clamp_min(1e-6).sqrt()
    return torch.cat([mean, spread, similarity.unsqueeze(-2)], dim=-2)


def _lowered(x: Tensor) -> Tensor:
    """From stride 4 to stride 8."""
    return functional.avg_pool2d(x, GRID // STRIDE)
