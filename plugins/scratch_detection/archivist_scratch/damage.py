"""Damage laid over a photograph, with the truth of where it is.

The paper blends scratch textures by addition, lighten-only and screen at random opacity; for dark
damage we add their counterparts: subtract, darken-only and multiply. Paint (plain alpha blending)
serves both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_scratch.width import NARROW, thick_parts
from archivist_torch.damage_shapes import areas, strokes
from archivist_torch.damage_shapes.overlays import Overlays, lay
from archivist_torch.damage_shapes.strokes import Alpha, Shape
from archivist_torch.degrade import luma, smooth_field

Pixels = NDArray[np.float32]
Blend = Callable[[Pixels, Pixels, float], Pixels]

DAMAGED, UNSURE, SOUND = 255, 128, 0
"""Values of a truth mask; unsure pixels count neither as found nor as missed."""

BRIGHT: dict[str, Blend] = {
    "paint": lambda under, cover, tone: under + cover * (tone - under),
    "add": lambda under, cover, tone: under + cover * tone,
    "lighten": lambda under, cover, tone: np.maximum(under, cover * tone),
    "screen": lambda under, cover, tone: 1 - (1 - under) * (1 - cover * tone),
}
DARK: dict[str, Blend] = {
    "paint": lambda under, cover, tone: under + cover * (1 - tone - under),
    "subtract": lambda under, cover, tone: under - cover * tone,
    "darken": lambda under, cover, tone: np.minimum(under, 1 - cover * tone),
    "multiply": lambda under, cover, tone: under * (1 - cover * tone),
}
DRAWN: tuple[Callable[[Shape, np.random.Generator], Alpha], ...] = (
    strokes.crack,
    strokes.crease,
    strokes.long_scratch,
    strokes.scuff,
    strokes.hair,
    areas.dust,
    areas.stain,
    areas.flakes,
    areas.tear,
    areas.patch,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One damage: coverage (height, width) 0..1, polarity, blend mode, opacity and tone.

    ``tone`` is how far the paint is from the opposite end: 1 is pure white (or black).
    """

    alpha: Alpha
    bright: bool
    mode: str
    opacity: float
    tone: float

    def over(self, pixels: Pixels) -> Pixels:
        """Return the pixels with this damage on them; where alpha is 0 they stay as they are."""
        alpha = self.alpha if pixels.ndim == 2 else self.alpha[..., None]
        blend = (BRIGHT if self.bright else DARK)[self.mode]
        covered = np.clip(blend(pixels, alpha * np.float32(self.opacity), self.tone), 0, 1)
        return np.where(alpha > 0, covered, pixels).astype(np.float32)


def random_layer(
    shape: Shape, rng: np.random.Generator, *, bright: bool, overlays: Overlays | None = None
) -> Layer:
    """Draw one layer of damage; with ``overlays`` half of all layers are laid from them."""
    if overlays and rng.random() < 0.5:
        alpha = lay(overlays, shape, rng)
    else:
        alpha = DRAWN[rng.integers(len(DRAWN))](shape, rng)
    if rng.random() < 0.3:  # paint is seldom even
        alpha = alpha * (0.5 + 0.5 * smooth_field(shape, int(rng.integers(3, 30)), rng))
    modes = sorted(BRIGHT if bright else DARK)
    # Half of all damage is painted: it alone hides the picture, as lost emulsion does.
    mode = "paint" if rng.random() < 0.5 else modes[rng.integers(len(modes))]
    # The square root favours strong damage: mean opacity 0.77.
    opacity, tone = 0.3 + 0.7 * np.sqrt(rng.random()), rng.uniform(0.75, 1.0)
    return Layer(alpha=alpha, bright=bright, mode=mode, opacity=float(opacity), tone=tone)


def random_layers(
    shape: Shape, rng: np.random.Generator, overlays: Overlays | None = None
) -> list[Layer]:
    """Draw one to five layers; four pictures in five have only bright or only dark damage."""
    count = min(5, int(rng.geometric(0.45)))
    both, bright = rng.random() < 0.2, bool(rng.random() < 0.5)
    return [
        random_layer(
            shape, rng, bright=bool(rng.random() < 0.5) if both else bright, overlays=overlays
        )
        for _ in range(count)
    ]


def apply_layers(pixels: Pixels, layers: list[Layer]) -> tuple[Pixels, NDArray[np.uint8]]:
    """Return damaged pixels and their truth mask (255 damaged, 128 unsure, 0 sound)."""
    damaged, cover = pixels, np.zeros(pixels.shape[:2], np.float32)
    for layer in layers:
        damaged = layer.over(damaged)
        cover = np.maximum(cover, layer.alpha)
    return damaged, truth(cover, pixels, damaged)


def truth(cover: Alpha, before: Pixels, after: Pixels) -> NDArray[np.uint8]:
    """Say which pixels are damaged.

    Damaged: covered by at least 0.35 and visibly changed, that is by 0.05 (13 of 255 levels) and
    by 0.7 of the local contrast, so that an eye sees it beside grain and texture. Sound: covered by
    less than 0.03. The rest (soft edges, damage of the colour of what it covers) is unsure.
    """
    change = np.abs(after - before)
    change = change if change.ndim == 2 else change.max(axis=2)
    visible = np.maximum(np.float32(0.05), 0.7 * _local_contrast(luma(before)))
    mask = np.full(cover.shape, UNSURE, np.uint8)
    mask[cover < 0.03] = SOUND
    mask[(cover >= 0.35) & (change >= visible)] = DAMAGED
    return mask


def narrow_truth(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the truth of narrow damage: wide damage is sound, what lies between is unsure.

    Width is that of all that is covered, soft edges too: where wide damage is partly invisible,
    what is left of it is no scratch.
    """
    covered = truth != SOUND
    narrow = truth.copy()
    narrow[thick_parts(covered, NARROW)] = UNSURE
    narrow[thick_parts(covered, 1.3 * NARROW)] = SOUND
    return narrow


def _local_contrast(grey: Pixels) -> Pixels:
    """Return the standard deviation of grey pixels within 9x9 windows."""
    mean = cv2.blur(grey, (9, 9))
    return np.sqrt(np.maximum(cv2.blur(grey * grey, (9, 9)) - mean * mean, 0)).astype(np.float32)
