"""Ageing of detail: blur, low resolution, compression.

Same contract as :mod:`archivist_torch.ageing.tone`.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name the field uses
from torch import Tensor

from archivist_torch.ageing.tone import Parameters

REACH = 6
"""Blur reaches this many pixels: 3 sigma of the strongest Gaussian, the widest box."""


def blur(pixels: Tensor, *, taps: Tensor) -> Tensor:
    """Blur along both axes with ``taps`` (B, 2 * REACH + 1) that sum to 1; borders are mirrored."""
    count, channels, height, width = pixels.shape
    flat = pixels.reshape(1, count * channels, height, width)
    kernel = taps.repeat_interleave(channels, 0)[:, None, None, :]
    edge = "reflect" if min(height, width) > REACH else "replicate"
    for _ in range(2):  # along x, then, turned, along y
        padded = F.pad(flat, (REACH, REACH, 0, 0), mode=edge)
        flat = F.conv2d(padded, kernel, groups=count * channels).transpose(2, 3)
    return flat.reshape(pixels.shape).clamp(0, 1)


def draw_blur(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw a Gaussian of sigma 0.5..2 px or, one in four, a box of 2..7 px."""
    place = np.abs(np.arange(-REACH, REACH + 1))
    if rng.random() < 0.75:
        taps = np.exp(-0.5 * (place / (0.5 + 1.5 * strength)) ** 2)
    else:
        taps = np.clip(1 + 2.5 * strength - place + 0.5, 0, 1)
    return {"taps": (taps / taps.sum()).astype(np.float32)}


def low_resolution(pixels: Tensor, *, factor: Tensor, smooth: Tensor) -> Tensor:
    """Shrink by ``factor`` with a low-pass and enlarge: bicubic where ``smooth``, else bilinear.

    Samples are done one by one, as each has a size of its own.
    """
    height, width = pixels.shape[-2:]
    out = torch.empty_like(pixels)
    for row, (by, cubic) in enumerate(zip(factor.tolist(), smooth.tolist(), strict=True)):
        small = (max(1, round(height / by)), max(1, round(width / by)))
        shrunk = F.interpolate(pixels[row : row + 1], small, mode="bilinear", antialias=True)
        how = "bicubic" if cubic > 0.5 else "bilinear"
        out[row] = F.interpolate(shrunk, (height, width), mode=how)[0]
    return out.clamp(0, 1)


def draw_low_resolution(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw a factor 1.2..3.5."""
    return {"factor": float(1.2 * (3.5 / 1.2) ** strength), "smooth": rng.random()}
