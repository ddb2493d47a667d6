"""The colour network of the paper: from lightness and matched colour to a and b."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

INPUTS = 7
"""L; matched a and b; confidence; L, a and b of the previous result (zeros for one picture)."""

RANGE = 128.0
"""a and b are within +-128."""

STRIDE = 8
"""Sides of the input must be multiples of this."""


class ColourNetwork(nn.Module):
    """A U-shaped network, 32,802,370 numbers in 65 entries, by the names of ``colornet``.

    ``width`` is that of the first stage, 64 in the release. Instance norms have neither weights
    nor running statistics, so that training and evaluation compute the same.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        one, two, three, four = (width * 2**i for i in range(4))
        half = one // 2
        self.conv1_1 = nn.Sequential(_conv(INPUTS, half), nn.ReLU(), _conv(half, one))
        self.conv1_2 = _conv(one, one)
        self.conv1_2norm_ss = _thinned(one)
        self.conv2_1, self.conv2_2 = _conv(one, two), _conv(two, two)
        self.conv2_2norm_ss = _thinned(two)
        self.conv3_1, self.conv3_2, self.conv3_3 = _conv(two, three), *_twice(three)
        self.conv3_3norm_ss = _thinned(three)
        self.conv4_1, self.conv4_2, self.conv4_3 = _conv(three, four), *_twice(four)
        self.conv5_1, self.conv5_2, self.conv5_3 = _conv(four, four, 2), *_twice(four, 2)
        self.conv6_1, self.conv6_2, self.conv6_3 = _conv(four, four, 2), *_twice(four, 2)
        self.conv7_1, self.conv7_2, self.conv7_3 = _conv(four, four), *_twice(four)
        self.conv8_1, self.conv3_3_short = _risen(four, three), _conv(three, three)
        self.conv8_2, self.conv8_3 = _twice(three)
        self.conv9_1, self.conv2_2_short = _risen(three, two), _conv(two, two)
        self.conv9_2 = _conv(two, two)
        self.conv10_1, self.conv1_2_short = _risen(two, two), _conv(one, two)
        self.conv10_2 = _conv(two, two)
        self.conv10_ab = nn.Conv2d(two, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return a and b (batch, 2, h, w) in -128..128 for (batch, 7, h, w), see :data:`INPUTS`.

        All inputs are in units of Lab, L minus 50, and the confidence is a cosine.
        """
        first = self._stage("1_1 1_2", x)
        second = self._stage("2_1 2_2", self.conv1_2norm_ss(first))
        third = self._stage("3_1 3_2 3_3", self.conv2_2norm_ss(second))
        deep = self._stage("4_1 4_2 4_3", self.conv3_3norm_ss(third))
        for stage in (5, 6, 7):
            deep = self._stage(f"{stage}_1 {stage}_2 {stage}_3", deep)
        up = functional.relu(self.conv8_1(deep) + self.conv3_3_short(third))
        up = self._stage("8_2 8_3", up)
        up = functional.relu(self.conv9_1(up) + self.conv2_2_short(second))
        up = self._stage("9_2", up)
        up = functional.relu(self.conv10_1(up) + self.conv1_2_short(first))
        up = functional.leaky_relu(self.conv10_2(up), 0.2)
        return torch.tanh(self.conv10_ab(up)) * RANGE

    def _stage(self, names: str, x: Tensor) -> Tensor:
        """Run convolutions, each followed by ReLU, and an instance norm at the end."""
        for name in names.split():
            x = functional.relu(self.get_submodule(f"conv{name}")(x))
        return functional.instance_norm(x)


def _conv(before: int, after: int, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation)


def _twice(width: int, dilation: int = 1) -> tuple[nn.Conv2d, nn.Conv2d]:
    return _conv(width, width, dilation), _conv(width, width, dilation)


def _thinned(width: int) -> nn.Conv2d:
    """Every second pixel, each channel times one weight."""
    return nn.Conv2d(width, width, 1, stride=2, groups=width, bias=False)


def _risen(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), _conv(before, after))
