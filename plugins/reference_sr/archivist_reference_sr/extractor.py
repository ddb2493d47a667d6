"""The learnable texture extractor: what is compared, and what is borrowed (paper section 3.1).

It is the beginning of VGG19, cut where it reduces the size. Layer names are those of the released
checkpoint: the number of a layer is its place in VGG19.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

WIDTHS = (64, 128, 256)
"""Channels of the three levels in the paper's size."""
STRIDES = (1, 2, 4)
"""Pixels between neighbouring positions of the three levels."""
COARSEST = STRIDES[-1]
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Mean and standard deviation of the channels of ImageNet, values 0..1."""


class Levels(NamedTuple):
    """Features of a picture, (batch, channels, height / stride, width / stride) each."""

    first: Tensor
    second: Tensor
    third: Tensor


class TextureExtractor(nn.Module):
    """Three levels of texture features of an RGB picture with values -1..1.

    Height and width should be multiples of 4; what exceeds one is not seen by the third level.
    """

    RADIUS = 12
    """Receptive field in pixels to each side (10), as a multiple of the coarsest stride."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        one, two, three = self.widths = tuple(widths)
        self.slice1 = _layers(0, _conv(3, one), nn.ReLU())
        self.slice2 = _layers(
            2, _conv(one, one), nn.ReLU(), nn.MaxPool2d(2), _conv(one, two), nn.ReLU()
        )
        self.slice3 = _layers(
            7, _conv(two, two), nn.ReLU(), nn.MaxPool2d(2), _conv(two, three), nn.ReLU()
        )
        self.sub_mean = nn.Conv2d(3, 3, 1).requires_grad_(False)
        deviation = torch.tensor(DEVIATION, device=self.sub_mean.weight.device)
        mean = torch.tensor(MEAN, device=self.sub_mean.weight.device)
        with torch.no_grad():
            self.sub_mean.weight.copy_(torch.diag(1 / deviation)[:, :, None, None])
            self.sub_mean.bias.copy_(-mean / deviation)

    def forward(self, picture: Tensor) -> Levels:
        """Return the features of pictures (batch, 3, height, width)."""
        first, second = self.fine(picture)
        return Levels(first, second, self.slice3(second))

    def fine(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first two levels alone; the third costs as much as half of these."""
        first = self.slice1(self.sub_mean((picture + 1) / 2))
        return first, self.slice2(first)

    def coarse(self, picture: Tensor) -> Tensor:
        """Return the third level alone: queries and keys of the matching."""
        return self(picture).third


def _layers(first: int, *layers: nn.Module) -> nn.Sequential:
    numbered = nn.Sequential()
    for number, layer in enumerate(layers, start=first):
        numbered.add_module(str(number), layer)
    return numbered


def _conv(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1)
