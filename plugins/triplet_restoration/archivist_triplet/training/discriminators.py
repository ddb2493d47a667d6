"""Small PatchGANs, and a judge of the statistics of latents (paper, section 3.1)."""

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


class StatisticsJudge(nn.Module):
    """Judge a latent as a whole by means and deviations, of itself and of two layers.

    A PatchGAN sees one place at a time; where it alone kept the latents of prints and of synthetic
    pictures together, a classifier of pooled statistics still told them apart in 83 % of crops. So
    the rival is built as the classifier that measures (:mod:`archivist_triplet.alignment`). Running
    means, which only the rival's own step moves, bring all channels to a common scale.
    """

    FOLLOWS = 0.05
    """Share of each batch in the running means."""

    def __init__(self, channels: int, width: int = 48) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.first = nn.Conv2d(channels, width, 3, stride=2, padding=1)
        self.second = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.decide = nn.Sequential(
            nn.Linear(2 * (channels + 2 * width), 64),
            nn.LeakyReLU(SLOPE),
            nn.Linear(64, 1),
        )

    @torch.no_grad()
    def follow(self, *latents: Tensor) -> None:
        """Move the running means towards those of these latents (batch, channels, h, w)."""
        seen = torch.cat(latents).float()
        self.mean.lerp_(seen.mean((0, 2, 3)), self.FOLLOWS)
        apart = (seen - self.mean[:, None, None]).square()
        self.variance.lerp_(apart.mean((0, 2, 3)), self.FOLLOWS)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return one score a picture (batch, 1), and the pooled statistics."""
        x = (x - self.mean[:, None, None]) * (self.variance[:, None, None] + 1e-6).rsqrt()
        first = functional.leaky_relu(self.first(x), SLOPE)
        layers = (x, first, functional.leaky_relu(self.second(first), SLOPE))
        pooled = torch.cat([part for layer in layers for part in _mean_and_deviation(layer)], dim=1)
        return self.decide(pooled), [pooled]


def feature_matching(made: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Return the mean L1 distance of a discriminator's features; ``real`` gets no gradient."""
    terms = [(a.float() - b.float().detach()).abs().mean() for a, b in zip(made, real, strict=True)]
    return torch.stack(terms).mean()


def taken_for(score: Tensor, value: float) -> Tensor:
    """Return the least-squares distance of scores from ``value``: 1 for real, 0 for made."""
    return (score.float() - value).square().mean()


def telling_apart(discriminator: nn.Module, made: Tensor, real: Tensor) -> Tensor:
    """Return the least-squares loss of a discriminator on as many made as real inputs."""
    return 0.5 * (taken_for(discriminator(made)[0], 0) + taken_for(discriminator(real)[0], 1))


def _mean_and_deviation(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return both over space; the deviation's gradient stays finite where a layer is flat."""
    x = x.float()
    mean = x.mean((2, 3))
    return mean, ((x - mean[..., None, None]).square().mean((2, 3)) + 1e-4).sqrt()
