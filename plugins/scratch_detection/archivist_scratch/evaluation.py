"""Fixed test pictures with known damage, and the figures by which detectors are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_scratch.damage import (
    DAMAGED,
    SOUND,
    Layer,
    Pixels,
    apply_layers,
    narrow_truth,
)
from archivist_scratch.synthesis import Material
from archivist_torch.damage_shapes.overlays import lay
from archivist_torch.degrade import luma
from archivist_torch.seeding import generator

Detector = Callable[[Pixels], Pixels]
"""Takes a grey picture (height, width), values 0..1, and returns its probability map."""

VISIBLE = 0.002
"""Share of damaged pixels from which a test picture counts as visibly damaged."""
LEVELS = 4096
"""Probabilities are sorted into this many bins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """A damaged grey picture (float32, 0..1) and its truth mask (255, 128 unsure, 0)."""

    pixels: Pixels
    truth: NDArray[np.uint8]


def composites(
    material: Material, size: int, bright: bool, count: int, seed: int
) -> Iterator[Composite]:
    """Lay one to three overlays of one polarity over photographs of long side ``size``."""
    for index in range(count):
        rng = generator("composites", seed, size, int(bright), index)
        clean = fit(material.photos[index % len(material.photos)], size)
        pixels, truth = _damaged(material, clean, bright, rng)
        rounded = np.rint(pixels * 255).astype(np.float32) / np.float32(255)
        yield Composite(pixels=rounded, truth=truth)


def narrowed(picture: Composite) -> Composite:
    """Return the same picture with the truth of its narrow damage."""
    return replace(picture, truth=narrow_truth(picture.truth))


def fit(photo: NDArray[np.uint8], size: int) -> Pixels:
    """Return a photograph as grey values 0..1 with its longer side resized to ``size`` px."""
    grey = luma(photo.astype(np.float32) / np.float32(255))
    factor = size / max(grey.shape)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    shape = (round(grey.shape[1] * factor), round(grey.shape[0] * factor))
    return np.clip(cv2.resize(grey, shape, interpolation=how), 0, 1).astype(np.float32)


def average_precision(probability: Pixels, truth: NDArray[np.uint8]) -> float:
    """Return the area under the precision-recall curve, stepwise, over pixels that are not unsure.

    NaN when the truth holds no damaged pixel.
    """
    level = np.rint(np.clip(probability, 0, 1) * (LEVELS - 1)).astype(np.int64)
    damaged = np.bincount(level[truth == DAMAGED], minlength=LEVELS)[::-1]
    sound = np.bincount(level[truth == SOUND], minlength=LEVELS)[::-1]
    if not damaged.any():
        return float("nan")
    found = np.cumsum(damaged)
    precision = found / np.maximum(1, found + np.cumsum(sound))
    return float((precision * damaged).sum() / damaged.sum())


def mean_precision(detector: Detector, pictures: Iterator[Composite]) -> float:
    """Return the mean of the average precision of each picture that shows any damage."""
    values = [average_precision(detector(p.pixels), p.truth) for p in pictures]
    return float(np.nanmean(values))


def _damaged(
    material: Material, clean: Pixels, bright: bool, rng: np.random.Generator
) -> tuple[Pixels, NDArray[np.uint8]]:
    """Damage a picture visibly; white on white, for one, is tried again, up to ten times."""
    for _ in range(10):
        layers = [_layer(material, clean, bright, rng) for _ in range(rng.integers(1, 4))]
        pixels, truth = apply_layers(clean, layers)
        if (truth == DAMAGED).mean() >= VISIBLE:
            break
    return pixels, truth


def _layer(material: Material, clean: Pixels, bright: bool, rng: np.random.Generator) -> Layer:
    mode = str(
        rng.choice(["paint", "add", "screen"] if bright else ["paint", "subtract", "multiply"])
    )
    opacity, tone = rng.uniform(0.5, 1.0), rng.uniform(0.8, 1.0)
    alpha = lay(material.overlays, (clean.shape[0], clean.shape[1]), rng)
    return Layer(alpha=alpha, bright=bright, mode=mode, opacity=opacity, tone=tone)
