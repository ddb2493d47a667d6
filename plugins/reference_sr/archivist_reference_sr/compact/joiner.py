"""Joining borrowed texture with what the enlarger makes by itself.

Where nothing was borrowed nothing changes: soft attention, from the similarity of each block,
multiplies everything that is added, so the result without references is a part of every result.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_reference_sr.blocks import conv, residual
from archivist_reference_sr.compact.enlarger import FEATURES
from archivist_reference_sr.picture import SCALE

WIDTH, BLOCKS = 64, 4
PIXELS = SCALE**2
LEAST, FULL = 0.5, 0.7
"""Similarity at which borrowing begins, and from which it is the network's decision alone."""


class Joiner(nn.Module):
    """What borrowed texture adds to an enlarged picture."""

    def __init__(self, features: int = FEATURES, blocks: int = BLOCKS, width: int = WIDTH) -> None:
        super().__init__()
        self.depth = blocks
        self.head = conv(features + 6 * PIXELS + 1, width)
        self.body = residual(width, blocks)
        self.tail = conv(width, 4 * PIXELS)
        if not self.tail.weight.is_meta:
            nn.init.zeros_(self.tail.weight)
            nn.init.zeros_(self.tail.bias)

    @property
    def radius(self) -> int:
        """Pixels of the small picture to each side that a position of the result depends on."""
        return 2 * self.depth + 2

    def forward(
        self, features: Tensor, difference: Tensor, detail: Tensor, similarity: Tensor
    ) -> Tensor:
        """Return what to add to the enlarged pictures (batch, 3, 4 x height, 4 x width).

        ``features`` come from the enlarger, ``difference``, of that size, is what it adds to
        bicubic interpolation; ``detail``, of that size too, and ``similarity`` (batch, 1,
        height, width) come from borrowing.
        """
        made, lent = (functional.pixel_unshuffle(x, SCALE) for x in (difference, detail))
        x = self.head(torch.cat([features, made, lent, similarity], dim=1)).relu_()
        x = self.tail(self.body(x))
        own, share = x[:, : 3 * PIXELS], torch.sigmoid(x[:, 3 * PIXELS :] - 1).repeat(1, 3, 1, 1)
        attention = ((similarity - LEAST) / (FULL - LEAST)).clamp(0, 1)
        return functional.pixel_shuffle(attention * (own + share * (lent - made)), SCALE)
