"""The correspondence network of the paper: what a position shows, as a vector to compare."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_colorization.features import WIDTHS, unit_length

SCALE = 4
"""Matching is done at one quarter of the working size."""

JOINT = 256
"""Channels of the vectors that are compared: four branches of 64."""


class CorrespondenceNetwork(nn.Module):
    """Levels 2 to 5 of the features, brought to one quarter of the size and joined.

    6,917,131 numbers in 43 entries, by the names of ``nonlocal_net``. Heights of 16 n or
    16 n + 8 px and widths of 16 n px fit; :mod:`archivist_colorization.inference` pads others.
    """

    def __init__(
        self, widths: Sequence[int] = WIDTHS[1:], narrow: int = 128, joint: int = JOINT
    ) -> None:
        super().__init__()
        two, three, four, five = widths
        part = joint // 4
        self.layer2_1 = nn.Sequential(*_unit(two, narrow), *_unit(narrow, part, stride=2))
        self.layer3_1 = nn.Sequential(*_unit(three, narrow), *_unit(narrow, part))
        self.layer4_1 = nn.Sequential(*_unit(four, joint), *_unit(joint, part), _double())
        self.layer5_1 = nn.Sequential(
            *_unit(five, joint), _double(), *_unit(joint, part), _double()
        )
        self.layer = nn.Sequential(*(_ResidualBlock(joint) for _ in range(3)))
        self.theta = nn.Conv2d(joint, joint, 1)
        self.phi = nn.Conv2d(joint, joint, 1)

    def target(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the vectors of the picture to be coloured, (batch, 256, h / 4, w / 4).

        ``levels`` are those of :meth:`FeatureNetwork.levels`. Over the picture the vectors have
        mean 0, and each has length 1, so that products of two of them are cosines.
        """
        return _centred(self.theta(self._joined(levels)))

    def exemplar(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the vectors of an exemplar, in the form of :meth:`target`."""
        return _centred(self.phi(self._joined(levels)))

    def _joined(self, levels: Sequence[Tensor]) -> Tensor:
        branches = (self.layer2_1, self.layer3_1, self.layer4_1, self.layer5_1)
        parts = [branch(x) for branch, x in zip(branches, levels, strict=True)]
        lacking = parts[0].shape[2] - parts[3].shape[2]
        if lacking:
            # Of a height of 16 n + 8 the deepest map loses 8 px: one row above, one below.
            parts[3] = functional.pad(parts[3], (0, 0, 1, 1), mode="replicate")
        return self.layer(torch.cat(parts, dim=1))


class _ResidualBlock(nn.Module):
    """Two convolutions over the input; one PReLU slope serves both activations."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3)
        self.conv2 = nn.Conv2d(width, width, 3)
        self.prelu = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.prelu(_normed(self.conv1, x))
        return self.prelu(x + _normed(self.conv2, inner))


def _normed(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return functional.instance_norm(conv(functional.pad(x, (1, 1, 1, 1), mode="reflect")))


def _unit(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    """Return reflection pad, 3x3 convolution, instance norm, PReLU with one shared slope."""
    conv = nn.Conv2d(before, after, 3, stride)
    return [nn.ReflectionPad2d(1), conv, nn.InstanceNorm2d(after), nn.PReLU()]


def _double() -> nn.Upsample:
    return nn.Upsample(scale_factor=2, mode="nearest")


def _centred(x: Tensor) -> Tensor:
    return unit_length(x - x.mean(dim=(2, 3), keepdim=True))
