"""Light and tone, which refinement leaves alone: truths are brought to those of the input."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

FINE, COARSE = 3.0, 1 / 8
"""Sigma in pixels above which noise is gone, and in sides of the crop above which all is light."""
LEAST_GAIN, MOST_GAIN = 0.25, 1.6


def in_its_light(truth: Tensor, face: Tensor) -> Tensor:
    """Return the truth (batch, 3, h, w) with the contrast and the light of an aged face.

    Channel by channel, contrast is what fits the smoothed truth to the smoothed face best; what
    remains is taken over where it is coarser than an eighth of the crop.
    """
    with torch.autocast(face.device.type, enabled=False):
        seen, wanted = (smoothed(x, FINE) for x in (face, truth))
        seen_mean, wanted_mean = (x.mean((2, 3), keepdim=True) for x in (seen, wanted))
        away = wanted - wanted_mean
        gain = ((seen - seen_mean) * away).mean((2, 3), keepdim=True)
        gain = gain / away.square().mean((2, 3), keepdim=True).clamp(min=1e-5)
        fitted = seen_mean + gain.clamp(LEAST_GAIN, MOST_GAIN) * (truth - wanted_mean)
        return fitted + smoothed(face - fitted, COARSE * face.shape[-1])


def smoothed(x: Tensor, sigma: float) -> Tensor:
    """Return (batch, channels, h, w) blurred by a Gaussian; borders are continued.

    As products with matrices: convolutions of single channels are a hundred times slower in the
    arithmetic and layout of training on a CPU.
    """
    down, across = (_blur(side, sigma).to(x) for side in x.shape[2:])
    return down @ x @ across.T


@lru_cache(maxsize=64)  # a few for each side of a crop, and one for each face's own scale
def _blur(side: int, sigma: float) -> Tensor:
    """Return the matrix (side, side) that blurs along one axis."""
    reach = max(1, round(3 * sigma))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    matrix = torch.zeros(side, side)
    for shift, tap in zip(range(-reach, reach + 1), taps / taps.sum(), strict=True):
        place = torch.arange(side)
        matrix[place, (place + shift).clamp(0, side - 1)] += tap
    return matrix
