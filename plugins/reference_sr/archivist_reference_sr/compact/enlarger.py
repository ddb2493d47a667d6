"""Enlarging four times without a reference: SPAN, all of whose work is at the small picture's size.

Wan and others, "Swift Parameter-free Attention Network for Efficient Super-Resolution" (CVPR
Workshops 2024), in the form for inference: where training has several branches, here is the one
convolution that equals them. What is made is the picture itself, not what bicubic lacks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_reference_sr.blocks import conv, joined
from archivist_reference_sr.picture import SCALE

FEATURES, BLOCKS = 48, 6
"""0.43 million numbers: 0.85 MFLOP for each small pixel."""
MEAN = (0.4488, 0.4371, 0.4040)
"""Of R, G and B, 0..1, over the pictures of DIV2K: the published weights expect it taken away."""
LEVELS = 255.0
"""What white is to the published weights."""


class AttentionBlock(nn.Module):
    """Three convolutions whose result is also its own attention (paper section 3.2).

    Large values, of either sign, are what the convolutions found: an activation that is symmetric
    about the origin, sigmoid less a half, makes them count, without a parameter.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (conv(features, features) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (batch, features, height, width), and those after the first layer."""
        first = functional.silu(self.conv1(x), inplace=True)
        found = self.conv3(functional.silu(self.conv2(first), inplace=True))
        total = x + found
        # As a hyperbolic tangent, which keeps small values exact in half precision.
        return total.mul_(found.div_(2).tanh_()).div_(2), first


class Enlarger(nn.Module):
    """Pictures (batch, 3, height, width), RGB, -1..1, four times as large."""

    def __init__(self, features: int = FEATURES, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.depth = blocks
        self.head = conv(3, features)
        self.blocks = nn.ModuleList(AttentionBlock(features) for _ in range(blocks))
        self.neck = conv(features, features)
        self.join = conv(4 * features, features, side=1)
        self.tail = conv(features, 3 * SCALE**2)
        if not self.head.weight.is_meta:  # training from nothing begins with features about one
            with torch.no_grad():
                self.head.weight.div_(LEVELS)

    @property
    def radius(self) -> int:
        """Pixels of the small picture to each side that a position of the result depends on."""
        return 3 * self.depth + 3

    def features(self, picture: Tensor) -> Tensor:
        """Return features (batch, features, height, width)."""
        mean = picture.new_tensor(MEAN)[:, None, None]
        head = self.head(((picture + 1) / 2 - mean) * LEVELS)
        x, first = self.blocks[0](head)
        begun = x
        for block in self.blocks[1:]:
            x, first = block(x)
        return joined(self.join, (head, self.neck(x), begun, first))

    def picture(self, features: Tensor) -> Tensor:
        """Return pictures (batch, 3, 4 x height, 4 x width), -1..1 but for overshoot, float32.

        In float32 also where the rest is computed in half of that: a picture has finer steps.
        """
        with torch.autocast(features.device.type, enabled=False):
            return functional.pixel_shuffle(self.tail(features.float()), SCALE).mul_(2).sub_(1)

    def forward(self, picture: Tensor) -> Tensor:
        """Return the enlarged pictures."""
        return self.picture(self.features(picture))

    def surer(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, and the mean of the picture enlarged upright and upside down.

        Both are equally likely; their mean is 0.01 to 0.04 dB nearer to the truth (geometric
        self-ensemble: Lim and others, CVPR Workshops 2017), for twice the time.
        """
        turned = self(picture.flip(2, 3)).flip(2, 3)
        features = self.features(picture)
        return features, turned.add_(self.picture(features)).div_(2)
