"""Scanned or modelled damage, kept as alpha maps and laid over a picture at random."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_torch.damage_shapes.strokes import Alpha, Shape
from archivist_torch.data import read_folder
from archivist_torch.degrade import smooth_field

Overlays = dict[str, list[NDArray[np.uint8]]]
"""Alpha maps (uint8, height x width) by kind of damage."""


def read_overlays(folder: Path, split: str, *, cache: Path | None = None) -> Overlays:
    """Read a folder ``KIND/NAME.png`` of RGBA overlays (alpha = damage); 15 % of names are val."""
    found: Overlays = {}
    for picture in read_folder(folder, split, cache=cache):
        alpha = picture.pixels if picture.pixels.ndim == 2 else picture.pixels[..., -1]
        found.setdefault(Path(picture.name).parent.name, []).append(np.ascontiguousarray(alpha))
    return found


def lay(
    overlays: Overlays, shape: Shape, rng: np.random.Generator, kinds: Sequence[str] | None = None
) -> Alpha:
    """Lay one overlay over a picture of this shape: any scale, turn and place, elastically bent.

    Every kind is equally likely. A damaged pixel of the overlay is brought to a random pixel of
    the picture, so that the result is seldom empty.
    """
    names = sorted(kinds or overlays)
    kind = overlays[names[rng.integers(len(names))]]
    alpha = kind[rng.integers(len(kind))]
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(2.8))))
    map_x, map_y = _inverse_map(alpha, shape, rng, scale)
    if rng.random() < 0.4:
        bend = rng.uniform(2, 12) / scale
        map_x += bend * (smooth_field(shape, 5, rng) - 0.5) * 2
        map_y += bend * (smooth_field(shape, 5, rng) - 0.5) * 2
    if scale < 0.8:  # shrinking needs a low-pass first, or thin hairs break into dots
        alpha = cv2.GaussianBlur(alpha, (0, 0), 0.35 / scale)
    laid = cv2.remap(alpha, map_x, map_y, cv2.INTER_LINEAR, borderValue=0)
    return laid.astype(np.float32) / np.float32(255)


def _inverse_map(
    alpha: NDArray[np.uint8], shape: Shape, rng: np.random.Generator, scale: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return for each pixel of the picture its x and y in the overlay."""
    ys, xs = np.nonzero(alpha > 64)
    pick = rng.integers(len(xs)) if len(xs) else 0
    source = (xs[pick], ys[pick]) if len(xs) else (0, 0)
    target = rng.random(2) * (shape[1], shape[0])
    turn, mirror = rng.uniform(0, 2 * np.pi), rng.choice([-1.0, 1.0])
    cos, sin = np.cos(turn) / scale, np.sin(turn) / scale
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    dx, dy = (x - np.float32(target[0])) * np.float32(mirror), y - np.float32(target[1])
    map_x = source[0] + np.float32(cos) * dx - np.float32(sin) * dy
    map_y = source[1] + np.float32(sin) * dx + np.float32(cos) * dy
    return map_x.astype(np.float32), map_y.astype(np.float32)
