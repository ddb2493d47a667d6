"""The face generator of "Bringing Old Photos Back to Life": detail comes in from coarse to fine.

It begins at 1/32 of the size and doubles five times. At each scale the degraded face itself, of
that size, says how the features are shifted and scaled (spatially adaptive normalisation, SPADE).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 32
"""Sides of a crop must be multiples of this."""

SIZE = 256
"""Side of the crops that the smaller of the two released checkpoints was trained on."""

GUIDES = 128
"""Channels between the face and its shifts and scales."""

SLOPE = 0.2


class FaceGenerator(nn.Module):
    """92,059,587 parameters, by the names of the released checkpoint.

    ``width`` is the base width, 64 in the release. The convolutions of its blocks have plain
    weights here; :mod:`archivist_faces.spectral` makes them from those of the checkpoint.
    """

    def __init__(self, width: int = 64, guides: int = GUIDES) -> None:
        super().__init__()
        widest = 16 * width
        self.fc = nn.Conv2d(3, widest, 3, padding=1)
        self.head_0 = _Block(widest, widest, guides)
        self.G_middle_0 = _Block(widest, widest, guides)
        self.G_middle_1 = _Block(widest, widest, guides)
        self.up_0 = _Block(widest, 8 * width, guides)
        self.up_1 = _Block(8 * width, 4 * width, guides)
        self.up_2 = _Block(4 * width, 2 * width, guides)
        self.up_3 = _Block(2 * width, width, guides)
        self.conv_img = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, face: Tensor) -> Tensor:
        """Return the refined face (batch, 3, h, w) in -1..1 for a degraded one of that size.

        Raises ValueError when a side is no multiple of :data:`STRIDE`.
        """
        height, width = face.shape[2:]
        if height % STRIDE or width % STRIDE:
            raise ValueError(
                f"a crop of {width} x {height} px: sides must be multiples of {STRIDE}"
            )
        x = self.fc(_resized(face, height // STRIDE, width // STRIDE))
        x = _double(self.head_0(x, face))
        x = _double(self.G_middle_1(self.G_middle_0(x, face), face))
        for up in (self.up_0, self.up_1, self.up_2):
            x = _double(up(x, face))
        x = self.up_3(x, face)
        return torch.tanh(self.conv_img(functional.leaky_relu(x, SLOPE)))


class _Block(nn.Module):
    """Twice: norm, LeakyReLU, 3x3 convolution; plus the input, brought to the width if need be."""

    def __init__(self, before: int, after: int, guides: int) -> None:
        super().__init__()
        middle = min(before, after)
        self.conv_0 = _conv(before, middle, 3)
        self.conv_1 = _conv(middle, after, 3)
        self.norm_0 = _AdaptiveNorm(before, guides)
        self.norm_1 = _AdaptiveNorm(middle, guides)
        self.widens = before != after
        if self.widens:
            self.conv_s = _conv(before, after, 1)
            self.norm_s = _AdaptiveNorm(before, guides)

    def forward(self, x: Tensor, face: Tensor) -> Tensor:
        shortcut = self.conv_s(self.norm_s(x, face)) if self.widens else x
        x = self.conv_0(functional.leaky_relu(self.norm_0(x, face), SLOPE))
        return shortcut + self.conv_1(functional.leaky_relu(self.norm_1(x, face), SLOPE))


class _AdaptiveNorm(nn.Module):
    """Batch norm without weights, then a scale and a shift for each place, read off the face."""

    def __init__(self, width: int, guides: int) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(width, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(3, guides, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(guides, width, 3, padding=1)
        self.mlp_beta = nn.Conv2d(guides, width, 3, padding=1)

    def forward(self, x: Tensor, face: Tensor) -> Tensor:
        guide = self.mlp_shared(_resized(face, x.shape[2], x.shape[3]))
        return self.param_free_norm(x) * (1 + self.mlp_gamma(guide)) + self.mlp_beta(guide)


def _conv(before: int, after: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, side, padding=side // 2, bias=side > 1)


def _resized(face: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(face, (height, width), mode="bilinear", align_corners=False)


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")
