"""Enlarging four times without a reference: all work at the small picture's size.

Residual blocks without normalisation, and one shuffle into pixels at the end, as in EDSR (Lim and
others, CVPR Workshops 2017): what is learned is the difference to bicubic interpolation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_reference_sr.blocks import conv, residual
from archivist_reference_sr.picture import SCALE

FEATURES, BLOCKS = 64, 14
"""1.1 million numbers: 2.2 MFLOP and about 14 microseconds of one core for each small pixel."""
QUIET = 0.1
"""The last layer begins this much smaller, so that training begins at bicubic interpolation."""


class Enlarger(nn.Module):
    """Pictures (batch, 3, height, width), RGB, -1..1, four times as large."""

    def __init__(self, features: int = FEATURES, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.width, self.depth = features, blocks
        self.head = conv(3, features)
        self.body = residual(features, blocks)
        self.neck = conv(features, features)
        self.tail = conv(features, 3 * SCALE**2)
        if not self.tail.weight.is_meta:
            with torch.no_grad():
                self.tail.weight.mul_(QUIET)

    @property
    def radius(self) -> int:
        """Pixels of the small picture to each side that a position of the result depends on."""
        return 2 * self.depth + 3

    def features(self, picture: Tensor) -> Tensor:
        """Return features (batch, features, height, width)."""
        x = self.head(picture)
        return self.neck(self.body(x)).add_(x)

    def difference(self, features: Tensor) -> Tensor:
        """Return what to add to bicubic interpolation (batch, 3, 4 x height, 4 x width)."""
        return functional.pixel_shuffle(self.tail(features), SCALE)

    def forward(self, picture: Tensor) -> Tensor:
        """Return the difference to bicubic interpolation."""
        return self.difference(self.features(picture))
