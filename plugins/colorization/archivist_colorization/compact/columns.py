"""What colour a place has, from its column: all that the maps show there, and how high it lies.

Each place is judged by itself. What a place shows of its surroundings the encoder has put into its
column; layers that look around once more learn the photographs of the training by heart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_colorization.compact.encoder import WIDTHS

COLUMN = sum(WIDTHS) + 1
"""Numbers of a column."""
WIDE, MIDDLE = 256, 128
"""Channels of the two hidden layers."""
LARGEST = 6.0
"""Of standardised features: a few that are far out do not rule the rest."""
LEFT_OUT, HIDDEN_OUT = 0.15, 0.3
"""Shares of numbers and of hidden ones that each lesson goes without."""


class Columns(nn.Module):
    """Two hidden layers on columns (..., COLUMN)."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.narrow = nn.Linear(COLUMN, WIDE), nn.Linear(WIDE, MIDDLE)
        self.say = nn.Linear(MIDDLE, 3)
        self.some, self.few = nn.Dropout(LEFT_OUT), nn.Dropout(HIDDEN_OUT)
        nn.init.zeros_(self.say.weight)
        nn.init.zeros_(self.say.bias)

    def settle(self) -> None:
        """Learn no more: from now on nothing is left out."""
        self.requires_grad_(False)
        self.some.p = self.few.p = 0.0

    def middle(self, columns: Tensor) -> Tensor:
        """Return what the columns mean (..., MIDDLE)."""
        x = self.few(functional.relu(self.enter(self.some(columns))))
        return self.few(functional.relu(self.narrow(x)))

    def forward(self, columns: Tensor) -> Tensor:
        """Return colour and scale (..., 3), see :func:`.decoder.guess_of`."""
        said: Tensor = self.say(self.middle(columns))
        return said


def columns_of(maps: list[Tensor]) -> Tensor:
    """Return the columns (batch, h / 8, w / 8, COLUMN) of the encoder's maps."""
    size = maps[1].shape[2:]
    planes = [functional.avg_pool2d(maps[0], 2), maps[1]]
    planes += [functional.interpolate(x, size=size, mode="bilinear") for x in maps[2:]]
    height = torch.linspace(-1, 1, size[0], device=maps[1].device)[:, None].expand(size)
    planes.append(height.expand(len(maps[1]), 1, *size).to(maps[1].dtype))
    return torch.cat(planes, dim=1).clamp(-LARGEST, LARGEST).permute(0, 2, 3, 1)
