"""From maps to colour: the automatic colour, and the same moved towards an exemplar's.

Colour is on the scale of the eye (:mod:`.chroma`), at a quarter of the size of the input, and comes
with a scale: the error that the network expects of itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_colorization.compact.columns import MIDDLE, Columns, columns_of
from archivist_colorization.compact.encoder import WIDTHS

UNIT = 10.0
"""Of colour inside the network, so that its numbers are about 1."""
LOWEST, HIGHEST = -0.5, 3.6
"""Limits of the logarithm of a scale: 0.6 to 37 units."""
HIGH = 48
"""Channels at stride 4; at stride 8 there are MIDDLE."""
STRIDE = 4
"""Of the result: true colour averaged over 4 x 4 px and brought back along the edges of lightness
is 2.2 off (CIEDE2000, mean of val photographs at 256 x 256 px), a fifth of what grey is off."""
CUE = 2.0
"""Factor of what is known of colours beside the features, which are many more."""
FOUND = 4
"""Channels of what an exemplar lends: a, b, their spread, similarity."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Colour (batch, 2, h, w) on the scale of the eye, and the logarithm of its scale (…, 1, …)."""

    colour: Tensor
    scale: Tensor


class Decoder(nn.Module):
    """Colour of each place from its column, then finer; what an exemplar lends comes between."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = Columns()
        self.to4, self.from4 = nn.Conv2d(MIDDLE, HIGH, 1), nn.Conv2d(WIDTHS[0], HIGH, 1)
        self.at4 = Residual(HIGH)
        self.finer = nn.Conv2d(HIGH, 3, 3, padding=1)
        nn.init.zeros_(self.finer.weight)
        nn.init.zeros_(self.finer.bias)

    def middle(self, maps: list[Tensor]) -> Tensor:
        """Return what the columns mean (batch, MIDDLE, h / 8, w / 8)."""
        return _planes(self.columns.middle(columns_of(maps)))

    def coarse(self, middle: Tensor) -> Guess:
        """Return the colour that features at stride 8 mean, at stride 4 but no finer."""
        return guess_of(raised(self._said(middle)))

    def fine(self, middle: Tensor, maps: list[Tensor]) -> Guess:
        """Return it as fine as stride 4 shows: for exemplars' colour, which is worth it."""
        x = self.at4(_risen(self.to4(middle)) + self.from4(maps[0]))
        return guess_of(raised(self._said(middle)) + self.finer(even(x)).float())

    def _said(self, middle: Tensor) -> Tensor:
        return _planes(self.columns.say(_lines(middle))).float()


def guess_of(made: Tensor) -> Guess:
    """Return the guess that three planes (batch, 3, h, w) tell: colour and scale."""
    return Guess(made[:, :2] * UNIT, (made[:, 2:] + 2).clamp(LOWEST, HIGHEST))


class Fusion(nn.Module):
    """What an exemplar changes: a shift of the features, and where its colour is to be trusted."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.enter = nn.Conv2d(MIDDLE + FOUND + 4, width, 3, padding=1)
        self.whole = nn.Linear(width, width)
        self.around = nn.ModuleList([Residual(width, 2), Residual(width, 4)])
        self.shift = nn.Conv2d(width, MIDDLE, 1)
        self.trust = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)

    def forward(self, middle: Tensor, found: Tensor, alone: Guess) -> tuple[Tensor, Tensor]:
        """Return the shift (batch, MIDDLE, ...) and logits of trust (batch, 1, ...) at stride 8.

        ``found`` (batch, FOUND, ...) is what the exemplar lends, ``alone`` the automatic colour at
        stride 8.
        """
        known = torch.cat([alone.colour / UNIT, alone.scale], dim=1).detach()
        gap = (found[:, :2] - known[:, :2]).square().sum(1, keepdim=True).sqrt()
        cues = CUE * torch.cat([found, known, gap], dim=1)
        x = functional.relu(self.enter(torch.cat([even(middle), cues], dim=1)))
        x = x + self.whole(x.mean((2, 3)))[..., None, None]
        for block in self.around:
            x = block(x)
        x = even(x)
        return self.shift(x), self.trust(x).float()


class Residual(nn.Module):
    """Two 3x3 convolutions beside the identity; the second starts at zero."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        return x + self.second(functional.relu(self.first(even(x))))


def even(x: Tensor) -> Tensor:
    """Return features divided, at each place, by their root mean square over channels."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-4)


def raised(x: Tensor) -> Tensor:
    """Return planes of stride 8 at stride 4."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear")


def _risen(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")


def _lines(planes: Tensor) -> Tensor:
    return planes.permute(0, 2, 3, 1)


def _planes(lines: Tensor) -> Tensor:
    return lines.permute(0, 3, 1, 2)
