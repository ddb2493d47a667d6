"""The network that describes a picture: the first half of EfficientNet-Lite0, pooled and whitened.

Its layers are those of :mod:`archivist_torch.efficientnet` up to stride 16 and the widening
convolution behind them. The deeper half was trained to tell classes of things and forgets which
thing it is: measured on groups of photographs of one place or object, vectors from here find a
partner more often than those of the whole network, at a quarter of its size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_torch.efficientnet import EfficientNetLite0

DEPTH = 11
"""Blocks that are kept of 16; the next one lends its widening convolution, 112 to 672 channels."""
CHANNELS = 672
DIMENSIONS = 256
"""Numbers in a vector. 128 lose 0.01 of mean average precision on photographs reduced to a quarter
(0.963 for 0.975) and 0.05 on worse ones; more make the index larger."""


class Describer(nn.Module):
    """Unit vectors of pictures, float32 (batch, DIMENSIONS)."""

    def __init__(self, whole: EfficientNetLite0 | None = None) -> None:
        """Take the layers of ``whole``, whose batch norms are folded; default: new ones."""
        super().__init__()
        whole = whole or EfficientNetLite0().eval().folded()
        self.stem = whole.conv_stem
        self.blocks = nn.ModuleList(list(whole.blocks)[:DEPTH])
        self.widen = whole.blocks[DEPTH].expand_conv
        self.whiten = nn.Linear(CHANNELS, DIMENSIONS)

    def pool(self, x: Tensor) -> Tensor:
        """Return the unit vectors (batch, CHANNELS) of pictures before whitening.

        ``x`` is (batch, 3, height, width), values -1..1. Each channel is pooled by the root of its
        mean square over places (generalised mean with exponent 2, Radenovic et al., TPAMI 2019):
        the mean loses small things, the cube was no better and follows single places.
        """
        x = functional.relu6(self.stem(x))
        for block in self.blocks:
            x = block(x)
        strength = functional.relu6(self.widen(x)).square().mean((2, 3)).sqrt()
        return functional.normalize(strength)

    def forward(self, x: Tensor) -> Tensor:
        """Return the unit vectors (batch, DIMENSIONS) of pictures, given as to :meth:`pool`."""
        whitened: Tensor = self.whiten(self.pool(x))
        return functional.normalize(whitened)

    @torch.no_grad()
    def set_whitening(self, pooled: Tensor) -> None:
        """Fit the whitening to pooled vectors (pictures, CHANNELS), at least DIMENSIONS of them.

        Principal components, each divided by its deviation (Jegou and Chum, ECCV 2012), so that
        what all photographs share counts no more than what tells them apart. The mean variance is
        added to each, or the weak components would be noise made loud.
        """
        middle = pooled.double().mean(0)
        variances, directions = torch.linalg.eigh(torch.cov(pooled.double().T))
        scale = (variances + variances.mean()).rsqrt()
        weight = (directions * scale).T.flip(0)[:DIMENSIONS]
        self.whiten.weight.copy_(weight)
        self.whiten.bias.copy_(-(weight @ middle))
