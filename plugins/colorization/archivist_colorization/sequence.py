"""Colour that stays from frame to frame: the frame before, moved to where its things are now.

Networks colour each frame a little differently, which flickers. Motion is followed on lightness
(dense inverse search, Kroeger and others, 2016); where it can be followed there and back, and what
is found there is as light as it was, most of the colour comes from the frame before.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_colorization.lab import lab_of_rgb
from archivist_colorization.lightness import Pixels, lightness_of
from archivist_colorization.recolour import reduced

Floats = NDArray[np.float32]

FINER = 4
"""Motion is followed at this many times the size of the colour along a side, or at full size."""
LOST = 1.0
"""Pixels by which the way there and back may fail to end where it began."""
FLICKER = 0.06
"""Difference of lightness, 0..1, at which trust in the frame before has fallen to 0.6."""
CONTRAST = (0.7, 1.4)
"""How much flatter or harder a frame may be than the one before it, as a whole."""
CUT = 0.35
"""A share of places followed below which the scene counts as another: nothing is carried over."""


def carried(ab: Floats, light: Pixels, before: Pixels, amount: float) -> tuple[Floats, Floats]:
    """Return colour (h, w, 2) mixed with that of the frame before, and how far it is that (h, w).

    ``light`` is the lightness of this frame, ``before`` the RGB result of the one before, of the
    same size; ``amount`` 0..1 is the most that is taken from it.
    """
    size = _fine(ab.shape, light.shape)
    now, then = (reduced(x, *size) for x in (light, lightness_of(before)))
    back, forth = _flow(now, then), _flow(then, now)
    trust = amount * _followed(now, then, back, forth)
    floats = before.astype(np.float32) / np.float32(np.iinfo(before.dtype).max)
    small = cv2.resize(floats, size[::-1], interpolation=cv2.INTER_AREA)
    colour = _moved(lab_of_rgb(np.asarray(small, np.float32))[..., 1:], back)
    weighted, share = (_lowered(x, ab.shape) for x in (colour * trust[..., None], trust))
    return np.asarray(ab * (1 - share[..., None]) + weighted, np.float32), share


def _fine(low: tuple[int, ...], full: tuple[int, ...]) -> tuple[int, int]:
    height, width = (min(a * FINER, b) for a, b in zip(low[:2], full[:2], strict=True))
    return height, width


def _flow(one: Floats, other: Floats) -> Floats:
    """Return, for each pixel of ``one``, where it lies in ``other``: (h, w, 2), x and y offsets."""
    if min(one.shape) < 16:  # too small for the pyramid; nothing moves far in there
        return np.zeros((*one.shape, 2), np.float32)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, second = (np.rint(x * 255).astype(np.uint8) for x in (one, other))
    return np.asarray(search.calc(first, second, None), np.float32)


def _followed(now: Floats, then: Floats, back: Floats, forth: Floats) -> Floats:
    """Return 0..1, how surely each place of this frame was found in the one before."""
    away = np.linalg.norm(back + _moved(forth, back), axis=2)
    found = np.asarray(np.exp(-np.square(away / LOST)) * _inside(back), np.float32)
    apart = (now - _as_bright(_moved(then, back), now, found)) / FLICKER
    sure = np.asarray(found * np.exp(-0.5 * np.square(apart)), np.float32)
    sure = cv2.GaussianBlur(sure, (0, 0), 1.0)
    return sure if sure.mean() >= CUT else np.zeros_like(sure)


def _as_bright(moved: Floats, now: Floats, found: Floats) -> Floats:
    """Return the frame before, moved, with the brightness and contrast of this one.

    Film flickers as a whole, which says nothing against what is shown. ``found`` weighs places.
    """
    total = max(float(found.sum()), 1e-6)
    mean_then, mean_now = (float((picture * found).sum()) / total for picture in (moved, now))
    then, here = moved - mean_then, now - mean_now
    spread = float((found * then * then).sum())
    gain = float((found * then * here).sum()) / spread if spread > 1e-6 * total else 1.0
    return np.asarray(np.clip(gain, *CONTRAST) * then + mean_now, np.float32)


def _inside(flow: Floats) -> NDArray[np.bool_]:
    """Return which places come from inside the frame before."""
    x, y = _places(flow)
    height, width = flow.shape[:2]
    return np.asarray((x > -1) & (x < width) & (y > -1) & (y < height))


def _moved(picture: Floats, flow: Floats) -> Floats:
    x, y = _places(flow)
    return np.asarray(
        cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _places(flow: Floats) -> tuple[Floats, Floats]:
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    return x + flow[..., 0], y + flow[..., 1]


def _lowered(field: Floats, shape: tuple[int, ...]) -> Floats:
    return np.asarray(cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_AREA))
