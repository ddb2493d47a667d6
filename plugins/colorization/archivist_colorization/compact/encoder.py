"""What a grey picture shows: EfficientNet-Lite0 on lightness alone, at four sizes.

All stages but the last. By what that one knows, and by what a whole picture shows, photographs are
told apart so well that colours learnt from it hold for them alone: of photographs never seen 14 %
of the error of grey were taken away; with the last stage 13, with the mean features of the whole 7.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_torch.efficientnet import EfficientNetLite0, SameConv, load_efficientnet

WIDTHS = (24, 40, 80, 112, 192, 192)
"""Channels of the maps, at strides 4, 8, 16, 16, 32, 32."""
TAPS = (2, 4, 7, 10, 12, 14)
"""Blocks after which a map is taken."""
BLOCKS = TAPS[-1] + 1
MULTIPLE = 32
"""Sides of the input are multiples of this."""


def compared(maps: list[Tensor]) -> list[Tensor]:
    """Return the maps by which places are matched: those at strides 8 and 16."""
    return [maps[1], maps[3]]


class Standard(nn.Module):
    """Brings each channel to mean 0 and variance 1, as measured once on photographs."""

    mean: Tensor
    factor: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width, 1, 1))
        self.register_buffer("factor", torch.ones(width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        return (x - self.mean) * self.factor

    @torch.no_grad()
    def measure(self, x: Tensor) -> None:
        """Take over the mean and variance of features (batch, width, h, w)."""
        self.mean.copy_(x.mean((0, 2, 3))[:, None, None])
        self.factor.copy_(1 / x.std((0, 2, 3)).clamp_min(1e-4)[:, None, None])


class Encoder(nn.Module):
    """Maps at strides 4 to 32 of lightness; batch norms are folded into the convolutions."""

    def __init__(self) -> None:
        super().__init__()
        whole = EfficientNetLite0().eval().folded()
        self.stem = SameConv(1, 32, 3, 2)
        self.stem.bias = nn.Parameter(torch.zeros(32))
        self.blocks = whole.blocks[:BLOCKS]
        self.standards = nn.ModuleList([Standard(width) for width in WIDTHS])

    @classmethod
    def pretrained(cls) -> Encoder:
        """Return an encoder with the ImageNet weights of EfficientNet-Lite0, frozen.

        Grey has three equal channels, so that the first convolution is the sum of its three.
        """
        whole = load_efficientnet()
        made = cls()
        made.stem.weight = nn.Parameter(whole.conv_stem.weight.detach().sum(1, keepdim=True))
        made.stem.bias = nn.Parameter(whole.conv_stem.bias.detach().clone())
        made.blocks.load_state_dict(whole.blocks[:BLOCKS].state_dict())
        return made.eval().requires_grad_(False)

    def forward(self, light: Tensor) -> list[Tensor]:
        """Return the maps of lightness (batch, 1, h, w), grey levels 0..1, standardised."""
        found = zip(self.standards, self.raw(light), strict=True)
        return [standard(x) for standard, x in found]

    def raw(self, light: Tensor) -> list[Tensor]:
        """Return the maps as the blocks give them."""
        x = functional.relu6(self.stem(light * 2 - 1))
        found: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in TAPS:
                found.append(x)
        return found
