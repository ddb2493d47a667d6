"""The feature network of the paper: VGG19 in the form of its Caffe release.

Weights and preprocessing belong together: torchvision's VGG19 has the same layers, but other
weights and another input range, and cannot take this network's place.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYERS = (2, 2, 4, 4, 4)
"""Convolutions of each of the five stages; a stage halves the size of the one before."""

WIDTHS = (64, 128, 256, 512, 512)

MEAN_BGR = (0.40760392, 0.45795686, 0.48501961)
"""What Caffe subtracts from blue, green and red in 0..1, before it multiplies by 255."""

EPSILON = float(torch.finfo(torch.float64).eps)
"""Added to every norm before a division, as the authors' code does (2.2e-16)."""


class FeatureNetwork(nn.Module):
    """The 16 convolutions of VGG19, 20,024,384 numbers, by the names of the Caffe model.

    The authors' code takes the second convolution of each stage (relu1_2 to relu5_2), although
    the paper names the first; released weights need what the code does. The last two convolutions
    of stage five are never run, but belong to the checkpoint.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        before = 3
        for stage, (count, width) in enumerate(zip(LAYERS, widths, strict=True), 1):
            for number in range(1, count + 1):
                self.add_module(f"conv{stage}_{number}", nn.Conv2d(before, width, 3, padding=1))
                before = width

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Return relu1_2, relu2_2, relu3_2, relu4_2, relu5_2 of RGB (batch, 3, h, w) in 0..1.

        Their sides are those of the input divided by 1, 2, 4, 8, 16, rounded down.
        """
        mean = rgb.new_tensor(MEAN_BGR).view(1, 3, 1, 1)
        x = (rgb.flip(1) - mean) * 255
        taken: list[Tensor] = []
        for stage, count in enumerate(LAYERS, 1):
            for number in range(1, count + 1):
                x = functional.relu(self.get_submodule(f"conv{stage}_{number}")(x))
                if number == 2:
                    taken.append(x)
                    if stage == len(LAYERS):
                        return taken
            x = functional.max_pool2d(x, 2)
        return taken

    def levels(self, rgb: Tensor) -> list[Tensor]:
        """Return the four maps that are matched, levels 2 to 5, every vector of length 1."""
        return [unit_length(x) for x in self(rgb)[1:]]


def unit_length(x: Tensor) -> Tensor:
    """Divide by the L2 norm over channels (the second axis), plus :data:`EPSILON`."""
    return x / (x.norm(dim=1, keepdim=True) + EPSILON)


def named(features: list[Tensor]) -> OrderedDict[str, Tensor]:
    """Return the five maps of :class:`FeatureNetwork` as r12, r22, r32, r42, r52."""
    return OrderedDict((f"r{stage}2", x) for stage, x in enumerate(features, 1))
