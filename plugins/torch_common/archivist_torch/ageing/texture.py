"""Ageing by texture: film grain, paper, noise. Fields are cut from periodic tiles.

Tiles (N, n, n) are int8, standard deviation :data:`UNIT`; a field is a window of one tile at a
random offset, wrapped around. Same contract as :mod:`archivist_torch.ageing.tone`.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_torch.ageing.tone import Parameters, grey, per_channel

UNIT = 32
"""Value of one standard deviation in an int8 tile; 4 of them fit."""


def window(tiles: Tensor, place: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut fields (B, H, W), standard deviation 1, from periodic ``tiles``.

    ``place`` (B, 3), values 0..1: which tile, and the offset of the window along both axes.
    """
    count, side = tiles.shape[0], tiles.shape[-1]
    chosen = (place[:, 0] * count).long().clamp(0, count - 1)
    y, x = (
        ((place[:, axis + 1, None] * side).long() + torch.arange(length, device=place.device))
        % side
        for axis, length in enumerate(size)
    )
    cut = tiles[chosen[:, None, None], y[:, :, None], x[:, None, :]]
    return cut.float() / UNIT


def grain(pixels: Tensor, *, tiles: Tensor, place: Tensor, sigma: Tensor) -> Tensor:
    """Add film grain: the same in all channels, strongest in the mid-tones."""
    field = window(tiles, place, _size(pixels))[:, None] * per_channel(sigma)
    lightness = grey(pixels)
    midtones = 4 * lightness * (1 - lightness)
    return (pixels + field * (0.3 + 0.7 * midtones)).clamp(0, 1)


def draw_grain(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw grain of sigma 0.006..0.05 of white."""
    return {"place": _place(rng), "sigma": 0.006 + 0.044 * strength}


def paper(pixels: Tensor, *, tiles: Tensor, place: Tensor, sigma: Tensor) -> Tensor:
    """Multiply by the texture of a paper: it shows most where the print is light."""
    field = window(tiles, place, _size(pixels))[:, None] * per_channel(sigma)
    return (pixels * (1 + field) + 0.15 * field).clamp(0, 1)


def draw_paper(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw paper of sigma 0.004..0.035; the smooth parts of real prints have 0.002..0.03."""
    return {"place": _place(rng), "sigma": 0.004 + 0.031 * strength}


def noise(
    pixels: Tensor, *, tiles: Tensor, place: Tensor, sigma: Tensor, speckle: Tensor, limits: Tensor
) -> Tensor:
    """Add noise, independent for each pixel.

    ``place`` is (B, 3, 3): windows for red, green, blue. ``sigma`` is Gaussian noise as a share of
    white, ``speckle`` as a share of the pixel. ``limits`` (B, 2): pixels whose field of the first
    channel is below -limit 0 turn black, above limit 1 white (salt and pepper).
    """
    fields = torch.stack([window(tiles, p, _size(pixels)) for p in place.unbind(1)], 1)
    noisy = pixels + fields * (per_channel(sigma) + per_channel(speckle) * pixels)
    pepper, salt = (per_channel(limit) for limit in limits.unbind(1))
    first = fields[:, :1]
    noisy = noisy.masked_fill(first < -pepper, 0.0).masked_fill(first > salt, 1.0)
    return noisy.clamp(0, 1)


def draw_noise(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw Gaussian noise (half of all), speckle, or salt and pepper; half of it is grey."""
    place = np.stack([_place(rng) for _ in range(3)])
    if rng.random() < 0.5:
        place[:] = place[0]
    sigma = speckle = 0.0
    limits = np.full(2, 99.0)
    how = rng.random()
    if how < 0.5:
        sigma = 0.01 + 0.055 * strength
    elif how < 0.8:
        speckle = 0.03 + 0.13 * strength
    else:  # one side of a normal distribution beyond 3.2, 2.2: 0.07 %, 1.4 % of pixels
        limits = 3.2 - strength + rng.uniform(0, 0.4, 2)
    return {"place": place, "sigma": sigma, "speckle": speckle, "limits": limits.astype(np.float32)}


def _place(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.random(3, np.float32)


def _size(pixels: Tensor) -> tuple[int, int]:
    return pixels.shape[-2], pixels.shape[-1]
