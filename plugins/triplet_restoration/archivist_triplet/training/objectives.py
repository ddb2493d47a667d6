"""Losses on pixels and latents; pixels are -1..1, (batch, 3, height, width)."""

from __future__ import annotations

import torch
from torch import Tensor

SMOOTH = 1e-3
"""Where the Charbonnier loss turns from square to linear: an eighth of one of 255 levels."""


def charbonnier(made: Tensor, wanted: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean of the smooth L1 distance, weighted (batch, 1, height, width) if asked."""
    distance = torch.sqrt((made.float() - wanted.float()).square() + SMOOTH**2)
    if weight is None:
        return distance.mean()
    return (distance * weight).sum() / (weight.sum() * made.shape[1])


def heavier(mask: Tensor, factor: float) -> Tensor:
    """Return the weight of each pixel: ``factor`` where ``mask`` (0..1) is set, 1 elsewhere."""
    return 1 + (factor - 1) * mask.float()


def latent_size(mean: Tensor) -> Tensor:
    """Return the Kullback-Leibler term of a latent of fixed variance: half its mean square.

    Constants are left out.
    """
    return 0.5 * mean.float().square().mean()


def in_decades(square: Tensor, floor: float) -> Tensor:
    """Return the mean over pictures of the logarithm, to the base of ten, of their square errors.

    ``square`` is (batch,); below ``floor`` nothing more is gained. A tenth of it is 1 dB.
    """
    return torch.log10(square + floor).mean()
