"""Ageing of tones and colours: toning, fading, yellowing, loss of contrast, uneven light.

Operations take pixels (B, 3, H, W), float32 0..1, and parameters whose first axis is B, and return
new pixels of the same shape and range. ``draw_...`` draws the parameters of one sample from a
generator and a strength 0..1.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name the field uses
from numpy.typing import NDArray
from torch import Tensor

from archivist_torch.degrade import smooth_field

Parameters = dict[str, float | NDArray[np.float32]]
FIELD = 24
"""Side of the coarse grid on which fields of uneven light are drawn."""


def grey(pixels: Tensor) -> Tensor:
    """Return the lightness (B, 1, H, W) by the weights of BT.601."""
    weights = pixels.new_tensor([0.299, 0.587, 0.114])
    return (pixels * weights[:, None, None]).sum(1, keepdim=True)


def per_channel(values: Tensor) -> Tensor:
    """Give scalars (B,) or colours (B, 3) the axes to meet pixels (B, 3, H, W)."""
    return values.reshape(len(values), -1, 1, 1)


def toning(pixels: Tensor, *, tints: Tensor, tint: Tensor, amount: Tensor) -> Tensor:
    """Make a picture monochrome and tone it.

    ``tints`` (N, 3, 3) are the colours of prints: what is added to grey in the darks, mid-tones and
    lights (second axis) to red, green, blue (third); ``tint`` 0..1 chooses one of them and
    ``amount`` scales it.
    """
    chosen = tints[(tint * len(tints)).long().clamp(0, len(tints) - 1)] * amount[:, None, None]
    lightness = grey(pixels)
    place = 2 * lightness
    dark, light = (1 - place).clamp_min(0), (place - 1).clamp_min(0)
    middle = 1 - dark - light
    shift = sum(
        weight * per_channel(chosen[:, knot]) for knot, weight in enumerate((dark, middle, light))
    )
    return (lightness + shift).clamp(0, 1)


def draw_toning(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw a toning; at strength 0.55 the tint has the saturation of a real print."""
    return {"tint": rng.random(), "amount": 0.4 + 1.1 * strength}


def fading(pixels: Tensor, *, black: Tensor, white: Tensor, gamma: Tensor) -> Tensor:
    """Raise blacks to ``black``, sink whites to ``white``, bend between; each (B, 3)."""
    low, high = per_channel(black), per_channel(white)
    return (low + (high - low) * pixels.clamp_min(0) ** per_channel(gamma)).clamp(0, 1)


def draw_fading(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw a fading. Real prints: black 0.05..0.19, white 0.63..0.83 (10th and 90th percentile)."""
    spread = 0.05 * strength
    black = 0.02 + 0.22 * strength * rng.uniform(0.3, 1) + rng.uniform(0, spread, 3)
    white = 0.97 - 0.44 * strength * rng.uniform(0.2, 1) - rng.uniform(0, spread, 3)
    gamma = np.exp(rng.normal(0.08, 0.3) * strength + rng.normal(0, spread, 3))
    return {"black": _f32(black), "white": _f32(white), "gamma": _f32(gamma)}


def yellowing(pixels: Tensor, *, loss: Tensor, power: Tensor) -> Tensor:
    """Take ``loss`` (B, 3) of each colour away where the paper shows; ``power`` favours lights."""
    lights = grey(pixels).clamp_min(0) ** per_channel(power)
    return (pixels * (1 - per_channel(loss) * lights)).clamp(0, 1)


def draw_yellowing(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw a cast from cream to brown, seldom greenish; blue always loses most."""
    blue = 0.08 + 0.4 * strength * rng.uniform(0.5, 1)
    green = blue * rng.uniform(0.1, 0.5)
    red = blue * rng.uniform(0, 0.5) if rng.random() < 0.4 else 0.0
    return {"loss": _f32([red, green, blue]), "power": rng.uniform(0.3, 1.3)}


def contrast(pixels: Tensor, *, factor: Tensor, centre: Tensor) -> Tensor:
    """Draw all tones towards ``centre``, by ``factor`` (1 leaves them)."""
    middle = per_channel(centre)
    return (middle + (pixels - middle) * per_channel(factor)).clamp(0, 1)


def draw_contrast(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw a loss of contrast."""
    return {"factor": 0.92 - 0.45 * strength, "centre": rng.uniform(0.35, 0.65)}


def uneven(pixels: Tensor, *, field: Tensor, light: Tensor, dark: Tensor) -> Tensor:
    """Blend parts of a picture towards light or dark.

    ``field`` (B, n, n), values -1..1, is spread smoothly over the picture: positive parts move that
    far to the colour ``light`` (B, 3), negative ones to ``dark``.
    """
    size = pixels.shape[-2:]
    spread = F.interpolate(field[:, None], size, mode="bicubic", align_corners=True)
    up, down = per_channel(light), per_channel(dark)
    pixels = pixels + spread.clamp(0, 1) * (up - pixels)
    return (pixels + (-spread).clamp(0, 1) * (down - pixels)).clamp(0, 1)


def draw_uneven(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw smooth unevenness, fading or darkening that creeps in from borders, or both."""
    amount = 0.18 + 0.5 * strength
    field = np.zeros((FIELD, FIELD), np.float32)
    how = rng.random()
    if how < 0.7:
        hills = smooth_field((FIELD, FIELD), int(rng.integers(1, 4)), rng)
        field += (hills - rng.choice([0.0, 0.5, 1.0])) * amount
    if how > 0.4:
        field += rng.choice([-1.0, 1.0], p=[0.4, 0.6]) * amount * _borders(rng)
    paper = rng.uniform(0.75, 0.95) * np.array([1, rng.uniform(0.92, 1), rng.uniform(0.78, 1)])
    dark = rng.uniform(0.02, 0.25) * np.array([1, rng.uniform(0.8, 1), rng.uniform(0.6, 1)])
    return {"field": field.clip(-0.75, 0.75), "light": _f32(paper), "dark": _f32(dark)}


def _borders(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return how near each place is to some of the borders: 1 at them, falling off inwards."""
    place = np.linspace(0, 1, FIELD)
    near = np.zeros((FIELD, FIELD))
    sides = rng.random(4) < 0.45
    sides[rng.integers(4)] = True
    for side in np.flatnonzero(sides).tolist():
        falloff = np.exp(-place / rng.uniform(0.05, 0.35)) * rng.uniform(0.5, 1)
        near = np.maximum(near, np.rot90(np.broadcast_to(falloff, (FIELD, FIELD)), side))
    return _f32(near * (0.6 + 0.4 * smooth_field((FIELD, FIELD), 4, rng)))


def _f32(values: object) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def stack(parameters: list[Parameters], device: torch.device) -> dict[str, Tensor]:
    """Join the parameters of samples along a first axis, as float32 tensors on ``device``."""
    return {
        name: torch.from_numpy(np.stack([_f32(p[name]) for p in parameters])).to(device)
        for name in parameters[0]
    }
