"""Two networks that find scratches: a compact one of our own and the one of the paper.

Both take what :mod:`archivist_scratch.features` makes of grey pixels, float32 (batch, channels,
height, width), and return logits of the same height and width; the sigmoid of a logit is the
probability that the pixel is damaged. The compact one answers twice: whether a pixel is damaged,
and whether by something narrow.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from archivist_scratch.features import CHANNELS

ANSWERS = 2
"""Of the compact network: damage of any width, and damage that can be filled from its rim."""


class Compact(nn.Module):
    """A small U-Net that sees every pixel; height and width must be multiples of 16.

    Full resolution is where a network is dearest, yet a scratch is often one pixel wide. So pixels
    are folded: four neighbours become channels at half the size, and unfolded at the end, where
    two light convolutions see the features once more. Depth and two dilated convolutions give it
    sight of nearly 200 px to each side, enough to tell a scratch from a wire or the rim of a face.
    Skips are added, not joined, which halves the cost of the way up.

    With one answer, a cloud that looks like a stain drew so much doubt to its picture that no
    scratch in it convinced. So the second answer is about scratches alone; clouds, lambs and
    stains are sound to it.
    """

    STRIDE = 16
    RADIUS = 224
    """Receptive field in pixels to each side (188, and 22 of the features), rounded up."""

    def __init__(self, first: int = 32, widths: Sequence[int] = (48, 64, 96)) -> None:
        super().__init__()
        channels = [first, *widths]
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), _conv_norm(4 * CHANNELS, first))
        self.down = nn.ModuleList(
            nn.Sequential(_conv_norm(a, b, stride=2), _conv_norm(b, b))
            for a, b in pairwise(channels)
        )
        last = channels[-1]
        self.context = nn.Sequential(
            _conv_norm(last, last, dilation=2), _conv_norm(last, last, dilation=4)
        )
        ascending = list(pairwise(reversed(channels)))
        self.narrow = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in ascending)
        self.up = nn.ModuleList(_conv_norm(b, b) for _, b in ascending)
        self.unfold = nn.Sequential(nn.Conv2d(first, 32, 3, padding=1), nn.PixelShuffle(2))
        self.head = nn.Sequential(_conv_norm(8 + CHANNELS, 8), nn.Conv2d(8, ANSWERS, 3, padding=1))
        nn.init.constant_(self.head[-1].bias, -3.0)  # about one pixel in twenty is damaged

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (batch, 2, height, width): of damage, and of narrow damage."""
        x = self.stem(features)
        skips: list[Tensor] = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        x = self.context(x)
        for narrow, up in zip(self.narrow, self.up, strict=True):
            x = up(_double(narrow(x)) + skips.pop())
        fine = self.unfold(x)
        return self.head(torch.cat([fine, features.to(fine.dtype)], dim=1))

    def folded(self) -> Compact:
        """Return a copy for inference with every batch norm folded into its convolution."""
        twin = copy.deepcopy(self).eval()
        for block in twin.modules():
            if isinstance(block, _ConvNorm):
                block[0] = fuse_conv_bn_eval(block[0], block[1])
                block[1] = nn.Identity()
        return twin


class Paper(nn.Module):
    """The scratch detector of "Bringing Old Photos Back to Life" (CVPR 2020), section 3.3.

    A U-Net of 37,626,177 parameters whose state dict has the names of the released checkpoint.
    Four steps down double the channels from 64 to 1024; pooling is anti-aliased. Sides must be
    multiples of 16, and at least 32 px.
    """

    STRIDE = 16
    RADIUS = 176
    """Receptive field in pixels to each side (169), as a multiple of the stride."""

    def __init__(self, first: int = 64, depth: int = 4) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(1, first, 7), nn.LeakyReLU(0.2))
        widths = [first * 2**i for i in range(depth + 1)]
        self.down_path = nn.ModuleList(_TwoConvs(c, 2 * c) for c in widths[:-1])
        self.down_sample = nn.ModuleList(_PoolingStep(c) for c in widths[:-1])
        self.up_path = nn.ModuleList(_UpStep(c) for c in reversed(widths[1:]))
        self.last = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(first, 1, 3))

    def forward(self, grey: Tensor) -> Tensor:
        """Return logits (batch, 1, height, width)."""
        x = self.first(grey)
        skips: list[Tensor] = []
        for pool, block in zip(self.down_sample, self.down_path, strict=True):
            skips.append(x)
            x = block(pool(x))
        for step in self.up_path:
            x = step(x, skips.pop())
        return self.last(x)


class _TwoConvs(nn.Module):
    """Twice: reflection pad, 3x3 convolution, batch norm, LeakyReLU 0.2."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.block = nn.Sequential(*_padded_conv(before, after), *_padded_conv(after, after))

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class _PoolingStep(nn.Sequential):
    """A convolution of equal width, then half the size through a fixed binomial filter."""

    def __init__(self, channels: int) -> None:
        super().__init__(*_padded_conv(channels, channels), _BinomialHalving(channels))


class _BinomialHalving(nn.Module):
    """Stride 2 behind the 3x3 filter (1, 2, 1) x (1, 2, 1) / 16, each channel by itself."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("filt", (line[:, None] * line / 16).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, (1, 1, 1, 1), mode="reflect")
        return functional.conv2d(padded, self.filt, stride=2, groups=x.shape[1])


class _UpStep(nn.Module):
    """Double the size, halve the channels, join the skip, two convolutions."""

    def __init__(self, before: int) -> None:
        super().__init__()
        half = before // 2
        double = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.up = nn.Sequential(double, nn.ReflectionPad2d(1), nn.Conv2d(before, half, 3))
        self.conv_block = _TwoConvs(before, half)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        risen = self.up(x)
        return self.conv_block(torch.cat([risen, skip], dim=1))


def _padded_conv(before: int, after: int) -> list[nn.Module]:
    norm = nn.BatchNorm2d(after)
    return [nn.ReflectionPad2d(1), nn.Conv2d(before, after, 3), norm, nn.LeakyReLU(0.2)]


class _ConvNorm(nn.Sequential):
    """A 3x3 convolution, batch norm, ReLU."""


def _conv_norm(before: int, after: int, stride: int = 1, dilation: int = 1) -> _ConvNorm:
    conv = nn.Conv2d(before, after, 3, stride, dilation, dilation, bias=False)
    return _ConvNorm(conv, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
