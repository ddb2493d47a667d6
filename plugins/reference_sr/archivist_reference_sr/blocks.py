"""Parts of the main network: residual blocks, and the exchange between scales (paper, figure 4).

Layer names are those of the released checkpoint. Its code concatenates maps before a convolution;
here the convolution is applied to each map and the results are added, which is the same but for
rounding, and spares a map of 192 channels at four times the picture's size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

Scales = tuple[Tensor, Tensor, Tensor]
"""Features at the picture's own size, twice and four times that."""


class ResidualBlock(nn.Module):
    """Two convolutions around a ReLU, added to what they began with; no normalisation."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = conv(features, features)
        self.conv2 = conv(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        return self.conv2(self.conv1(x).relu_()).add_(x)


class Shallow(nn.Module):
    """Shallow features of the picture itself ("SFE")."""

    def __init__(self, features: int, blocks: int) -> None:
        super().__init__()
        self.conv_head = conv(3, features)
        self.RBs = residual(features, blocks)
        self.conv_tail = conv(features, features)

    def forward(self, picture: Tensor) -> Tensor:
        """Return features (batch, features, height, width)."""
        x = self.conv_head(picture).relu_()
        return self.conv_tail(self.RBs(x)).add_(x)


class ExchangeTwo(nn.Module):
    """Cross-scale feature integration between the picture's own size and twice that."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv12 = conv(features, features, side=1)
        self.conv21 = conv(features, features, stride=2)
        self.conv_merge1 = conv(2 * features, features)
        self.conv_merge2 = conv(2 * features, features)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Return both scales, each knowing the other."""
        one = joined(self.conv_merge1, (x1, self.conv21(x2).relu_()))
        two = joined(self.conv_merge2, (x2, risen(self.conv12, x1, 2)))
        return one.relu_(), two.relu_()


class ExchangeThree(nn.Module):
    """Cross-scale feature integration between all three scales."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv12 = conv(features, features, side=1)
        self.conv13 = conv(features, features, side=1)
        self.conv23 = conv(features, features, side=1)
        self.conv21 = conv(features, features, stride=2)
        self.conv31_1 = conv(features, features, stride=2)
        self.conv31_2 = conv(features, features, stride=2)
        self.conv32 = conv(features, features, stride=2)
        self.conv_merge1 = conv(3 * features, features)
        self.conv_merge2 = conv(3 * features, features)
        self.conv_merge3 = conv(3 * features, features)

    def forward(self, x1: Tensor, x2: Tensor, x3: Tensor) -> Scales:
        """Return all scales, each knowing the others."""
        one = joined(self.conv_merge1, self._for_one(x1, x2, x3))
        two = joined(self.conv_merge2, self._for_two(x1, x2, x3))
        three = joined(self.conv_merge3, self._for_three(x1, x2, x3))
        return one.relu_(), two.relu_(), three.relu_()

    # Generators, so that no map outlives the convolution that reads it.
    def _for_one(self, x1: Tensor, x2: Tensor, x3: Tensor) -> Iterator[Tensor]:
        yield x1
        yield self.conv21(x2).relu_()
        yield self.conv31_2(self.conv31_1(x3).relu_()).relu_()

    def _for_two(self, x1: Tensor, x2: Tensor, x3: Tensor) -> Iterator[Tensor]:
        yield x2
        yield risen(self.conv12, x1, 2)
        yield self.conv32(x3).relu_()

    def _for_three(self, x1: Tensor, x2: Tensor, x3: Tensor) -> Iterator[Tensor]:
        yield x3
        yield risen(self.conv13, x1, 4)
        yield risen(self.conv23, x2, 2)


class MergeTail(nn.Module):
    """From features at three scales to the picture, four times as large."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv13 = conv(features, features, side=1)
        self.conv23 = conv(features, features, side=1)
        self.conv_merge = conv(3 * features, features)
        self.conv_tail1 = conv(features, features // 2)
        self.conv_tail2 = conv(features // 2, 3, side=1)

    def forward(self, x1: Tensor, x2: Tensor, x3: Tensor) -> Tensor:
        """Return pictures (batch, 3, 4 x height, 4 x width), -1..1."""
        merged = joined(self.conv_merge, self._parts(x1, x2, x3)).relu_()
        return self.conv_tail2(self.conv_tail1(merged)).clamp(-1, 1)

    def _parts(self, x1: Tensor, x2: Tensor, x3: Tensor) -> Iterator[Tensor]:
        yield x3
        yield risen(self.conv13, x1, 4)
        yield risen(self.conv23, x2, 2)


def conv(before: int, after: int, side: int = 3, stride: int = 1) -> nn.Conv2d:
    """Return a convolution with bias that keeps the size, divided by the stride."""
    return nn.Conv2d(before, after, side, stride, side // 2)


def residual(features: int, count: int) -> nn.Sequential:
    """Return a chain of residual blocks."""
    return nn.Sequential(*(ResidualBlock(features) for _ in range(count)))


def joined(layer: nn.Conv2d, parts: Iterable[Tensor]) -> Tensor:
    """Return the convolution of the concatenated ``parts`` without concatenating them."""
    total, start = None, 0
    for part in parts:
        weight = layer.weight[:, start : start + part.shape[1]]
        start += part.shape[1]
        if total is None:
            total = functional.conv2d(part, weight, layer.bias, padding=layer.padding)
        else:
            total += functional.conv2d(part, weight, None, padding=layer.padding)
    assert total is not None
    assert start == layer.in_channels
    return total


def risen(layer: nn.Conv2d, x: Tensor, factor: int) -> Tensor:
    """Return features enlarged, through a 1x1 convolution and a ReLU.

    The convolution comes first: weights of an interpolation add up to one, so the order does not
    matter, and there are 4 or 16 times fewer positions before it.
    """
    return enlarged(layer(x), factor).relu_()


def enlarged(x: Tensor, factor: int) -> Tensor:
    """Return features enlarged by bicubic interpolation, corners not aligned."""
    return functional.interpolate(x, scale_factor=factor, mode="bicubic", align_corners=False)


def doubled(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Return features of twice the size: four sets of channels, shuffled into pixels; ReLU."""
    return functional.pixel_shuffle(layer(x), 2).relu_()


def fused(layer: nn.Conv2d, x: Tensor, texture: Tensor, attention: Tensor) -> Tensor:
    """Add borrowed texture to features, as far as soft ``attention`` (batch, 1, ...) trusts it."""
    return torch.addcmul(x, joined(layer, (x, texture)), attention)
