"""PSNR as the field reports it for enlarging: luma, no border cut, after rounding to bytes."""

from __future__ import annotations

import torch
from torch import Tensor

LUMA = (65.738 / 256, 129.057 / 256, 25.064 / 256)
"""Weights of R, G and B in luma of 16 to 235, as in the published protocol of TTSR."""


def luma(pictures: Tensor) -> Tensor:
    """Return luma (..., height, width) of RGB (..., 3, height, width), without the offset of 16."""
    weights = torch.tensor(LUMA, device=pictures.device)
    return (pictures * weights[:, None, None]).sum(-3)


def psnr(made: Tensor, truth: Tensor) -> Tensor:
    """Return PSNR (batch,) in dB of pictures -1..1, as shown in bytes; 100 for equal ones."""
    made, truth = (luma(_as_bytes(x)) for x in (made, truth))
    error = (made - truth).square().mean((-2, -1))
    return (10 * torch.log10(255**2 / error)).clamp(max=100)


def _as_bytes(pictures: Tensor) -> Tensor:
    return ((pictures + 1) * 127.5).round().clamp(0, 255)
