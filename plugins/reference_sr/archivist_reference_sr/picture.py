"""Between pictures as steps hold them and what the network takes.

A step holds float32 (height, width, 1 or 3), values 0..1. The network takes RGB (1, 3, height,
width), -1..1. Sizes change by bicubic interpolation with a = -0.5, averaged when shrinking: what
Pillow does and the network was trained on, but for Pillow's rounding to 8 bits, which would cost a
16-bit scan its depth.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Pixels = NDArray[np.float32]

SCALE = 4
"""How many times larger the result is."""
SMALLEST = 3 * SCALE
"""Least side in pixels of a reference: one patch of 3x3 positions."""


def to_network(pixels: Pixels) -> Tensor:
    """Return pixels (height, width, 1 or 3), 0..1, as (1, 3, height, width), -1..1.

    Raises ValueError for another number of channels.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise ValueError(f"pixels of shape {pixels.shape}: give (height, width, 1 or 3)")
    planes = torch.from_numpy(np.array(pixels, np.float32)).permute(2, 0, 1)[None] * 2 - 1
    return planes.expand(-1, 3, -1, -1)


def from_network(picture: Tensor, channels: int) -> Pixels:
    """Return a picture (3, height, width), -1..1, as pixels (height, width, channels), 0..1.

    One channel is the mean of the three.
    """
    planes = picture.mean(0, keepdim=True) if channels == 1 else picture
    return np.ascontiguousarray(((planes + 1) / 2).permute(1, 2, 0).float().cpu().numpy())


def enlarged(picture: Tensor) -> Tensor:
    """Return a picture (1, 3, height, width), -1..1, four times as large."""
    return resized(picture, picture.shape[2] * SCALE, picture.shape[3] * SCALE)


def prepared(pixels: Pixels) -> Tensor:
    """Return a reference (1, 3, height, width), -1..1, cut to multiples of 4.

    Raises ValueError when it is smaller than one patch.
    """
    height, width = (side // SCALE * SCALE for side in pixels.shape[:2])
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"a reference of {pixels.shape[1]} x {pixels.shape[0]} px is smaller than one patch; "
            f"give one of at least {SMALLEST} x {SMALLEST} px, or none"
        )
    return to_network(pixels[:height, :width])


def blurred(reference: Tensor) -> Tensor:
    """Return a reference reduced four times and enlarged again: as unsharp as what is enlarged."""
    height, width = reference.shape[2:]
    return resized(resized(reference, height // SCALE, width // SCALE), height, width)


def resized(picture: Tensor, height: int, width: int) -> Tensor:
    """Return pictures (batch, channels, ...) of another size, values cut to -1..1 as in 8 bits."""
    sized = functional.interpolate(picture, (height, width), mode="bicubic", antialias=True)
    return sized.clamp_(-1, 1)


def enlarged_exactly(pictures: Tensor) -> Tensor:
    """Return pictures (batch, 3, ...) four times as large, values not cut."""
    size = [side * SCALE for side in pictures.shape[2:]]
    return functional.interpolate(pictures, size, mode="bicubic", antialias=True)
