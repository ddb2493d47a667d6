"""The compact generator: from coarse to fine, the degraded face itself steering every scale.

It keeps the idea of the paper's generator at a seventieth of its size. What differs: the face comes
in as features that the network learns for each scale, not as a reduced picture; they steer the
blocks of their scale and are added there as well (steered alone it learnt nothing in 500 steps);
features are normalised over channels at each place, not over the picture, so that a crop's size
changes nothing; and it draws a correction to the face, not a face, so that to do nothing is easy.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (40, 64, 96, 128)
"""Channels at strides 2, 4, 8 and 16."""
BLOCKS = (2, 1, 1, 1)
"""Blocks of the way from coarse to fine, at these strides."""
STRIDE = 16
"""Sides of a crop must be multiples of this."""
REACH = 0.25
"""Corrections are so many times what the last layer gives, so that a step of training moves them
by little."""
LEAST = 1e-3
"""Deviation of the last layer's weights at first: almost nothing is corrected, but where to improve
is known."""


class CompactGenerator(nn.Module):
    """1.2 M parameters; RGB crops in -1..1 of any size whose sides are multiples of 16."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS, blocks: tuple[int, ...] = BLOCKS) -> None:
        super().__init__()
        self.first = nn.Conv2d(12, widths[0], 3, padding=1)
        self.looks = nn.ModuleList(_Look(width) for width in widths)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths)
        )
        self.start = nn.Conv2d(widths[-1], widths[-1], 1)
        self.steps = nn.ModuleList(
            nn.ModuleList(_Block(width) for _ in range(count))
            for width, count in zip(widths, blocks, strict=True)
        )
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.last = nn.Conv2d(widths[0], 12, 3, padding=1)
        nn.init.normal_(self.last.weight, std=LEAST)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, face: Tensor) -> Tensor:
        """Return the correction (batch, 3, h, w) to a face; their sum is the refined face.

        Raises ValueError when a side is no multiple of :data:`STRIDE`.
        """
        height, width = face.shape[2:]
        if height % STRIDE or width % STRIDE:
            raise ValueError(
                f"a crop of {width} x {height} px: sides must be multiples of {STRIDE}"
            )
        guides = self._guides(face)
        x = self.start(guides[-1])
        for scale in reversed(range(len(guides))):
            for block in self.steps[scale]:  # type: ignore[union-attr]
                x = block(x, guides[scale])
            if scale:
                coarse = self.up[scale - 1](_normed(x))
                x = functional.interpolate(coarse, scale_factor=2, mode="nearest")
                x = x + guides[scale - 1]
        return functional.pixel_shuffle(REACH * self.last(functional.silu(_normed(x))), 2)

    def _guides(self, face: Tensor) -> list[Tensor]:
        """Return what is seen of the face, finest first."""
        x = self.looks[0](self.first(functional.pixel_unshuffle(face, 2)))
        guides = [x]
        for down, look in zip(self.down, list(self.looks)[1:], strict=True):
            x = look(down(x))
            guides.append(x)
        return guides


class _Look(nn.Module):
    """Features of a scale: one residual convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(functional.silu(_normed(x)))


class _Block(nn.Module):
    """Twice: norm steered by the face, activation, 3x3 convolution; plus the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.steer = nn.Conv2d(width, 4 * width, 1)
        self.conv_0 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_1 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        steered = self.steer(functional.silu(_normed(guide)))
        scale_0, shift_0, scale_1, shift_1 = steered.chunk(4, dim=1)
        y = self.conv_0(functional.silu(_normed(x) * (1 + scale_0) + shift_0))
        y = self.conv_1(functional.silu(_normed(y) * (1 + scale_1) + shift_1))
        return x + y


def _normed(x: Tensor) -> Tensor:
    """Return features of unit mean square over the channels of each place."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-4)
