"""Small PatchGANs for pictures and for latents (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

SLOPE = 0.2
"""Of leaky ReLU below zero, as in the paper's program."""


class PatchGan(nn.Module):
    """Judge overlapping patches; 4x4 convolutions of stride 2, then one score a position.

    The paper uses widths 64-128-256-512 at two scales with instance norm. Ours is an eighth of its
    cost and has spectral norm instead, which does not depend on the other patches of a picture.
    """

    def __init__(self, channels: int, widths: Sequence[int] = (32, 64, 128)) -> None:
        super().__init__()
        before = (channels, *widths[:-1])
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1))
            for a, b in zip(before, widths, strict=True)
        )
        self.score = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return scores (batch, 1, height, width) and the features of every layer."""
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.score(x), features


def feature_matching(made: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Return the mean L1 distance of a discriminator's features; ``real`` gets no gradient."""
    terms = [(a.float() - b.float().detach()).abs().mean() for a, b in zip(made, real, strict=True)]
    return torch.stack(terms).mean()


def taken_for(score: Tensor, value: float) -> Tensor:
    """Return the least-squares distance of scores from ``value``: 1 for real, 0 for made."""
    return (score.float() - value).square().mean()


def telling_apart(discriminator: PatchGan, made: Tensor, real: Tensor) -> Tensor:
    """Return the least-squares loss of a discriminator on as many made as real inputs."""
    return 0.5 * (taken_for(discriminator(made)[0], 0) + taken_for(discriminator(real)[0], 1))
