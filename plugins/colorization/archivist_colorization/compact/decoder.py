"""From maps to colour: the automatic colour, and the same moved towards an exemplar's.

Colour is on the scale of the eye (:mod:`.chroma`), at a quarter of the size of the input, and comes
with a scale: the error that the network expects of itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_colorization.compact.encoder import WIDTHS

UNIT = 10.0
"""Of colour inside the network, so that its numbers are about 1."""
LOWEST, HIGHEST = -0.5, 3.6
"""Limits of the logarithm of a scale: 0.6 to 37 units."""
DEEP, MIDDLE, HIGH = 128, 96, 64
"""Channels at strides 16, 8, 4."""
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

    def some(self, rows: Tensor) -> Guess:
        """Return the guess for some pictures of the batch."""
        return Guess(self.colour[rows], self.scale[rows])


class Decoder(nn.Module):
    """Top-down through the maps; what an exemplar lends comes in at stride 8."""

    def __init__(self) -> None:
        super().__init__()
        four, eight, sixteen, deep = WIDTHS
        self.scene = nn.Sequential(nn.Linear(deep, DEEP), nn.ReLU(), nn.Linear(DEEP, 2 * DEEP))
        self.from32, self.from16 = nn.Conv2d(deep, DEEP, 1), nn.Conv2d(sixteen, DEEP, 1)
        self.at16 = Residual(DEEP)
        self.to8, self.from8 = nn.Conv2d(DEEP, MIDDLE, 1), nn.Conv2d(eight, MIDDLE, 1)
        self.at8 = Residual(MIDDLE)
        self.to4, self.from4 = nn.Conv2d(MIDDLE, HIGH, 1), nn.Conv2d(four, HIGH, 1)
        self.at4 = Residual(HIGH)
        self.head = nn.Conv2d(HIGH, 3, 3, padding=1)
        nn.init.zeros_(self.head.weight)

    def middle(self, maps: list[Tensor]) -> Tensor:
        """Return features (batch, MIDDLE, h / 8, w / 8), steered by what the whole picture is."""
        x = _risen(self.from32(maps[3])) + self.from16(maps[2])
        factor, shift = self.scene(maps[3].mean((2, 3)))[..., None, None].chunk(2, dim=1)
        x = x * (1 + factor) + shift
        x = self.at16(x)
        return self.at8(_risen(self.to8(x)) + self.from8(maps[1]))

    def finish(self, middle: Tensor, maps: list[Tensor]) -> Guess:
        """Return the colour that features at stride 8 mean, at stride 4."""
        x = self.at4(_risen(self.to4(middle)) + self.from4(maps[0]))
        made = self.head(even(x)).float()
        scale = (made[:, 2:] + 2).clamp(LOWEST, HIGHEST)
        return Guess(made[:, :2] * UNIT, scale)


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


def _risen(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")
