"""Join colour of low resolution with the lightness of full resolution, which stays as it is.

The released program takes the saturation times 1.25, works on 8 bits, and clips colours that sRGB
does not have, which changes their lightness. Here no pixel's lightness changes, by not one level of
8 or 16 bits: ``lightness_of(recolour(lightness, ab)) == lightness`` everywhere.
"""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_colorization.lab import NEUTRAL, encoded, linear_of_roots
from archivist_colorization.lightness import Pixels, Scale, bands, scale_of
from archivist_colorization.upsample import RADIUS, fit

BISECTIONS = 10
"""Steps in the search for the strongest colour in gamut: within 0.1 % of its chroma."""

BAND = 1 << 18
"""Pixels joined at a time: about 60 MB of intermediate arrays."""

SLACK = 1e-6
"""How far linear light may leave 0..1 before it counts as out of gamut: rounding, no more."""

Floats = NDArray[np.floating]


def recolour(lightness: Pixels, ab: NDArray[np.float32], radius: int = RADIUS) -> Pixels:
    """Return RGB (h, w, 3) in the type of ``lightness`` (h, w; uint8 or uint16).

    ``ab`` (any size, 2) is in units of Lab and covers the same picture; ``radius`` is half the
    width of the windows, in its pixels, in which it follows lightness, see :mod:`.upsample`. Where
    sRGB has no such colour at that lightness, its chroma is lowered at equal hue. Raises ValueError
    for other shapes or values that are not finite, TypeError for other types of lightness.
    """
    scale = scale_of(lightness.dtype)
    if lightness.ndim != 2 or ab.ndim != 3 or ab.shape[2] != 2:
        raise ValueError(f"lightness {lightness.shape} and ab {ab.shape}: give (h, w), (h, w, 2)")
    if not np.isfinite(ab).all():
        raise ValueError("ab holds values that are not finite")
    height, width = lightness.shape
    guide = reduced(lightness, ab.shape[0], ab.shape[1])
    field = fit(np.asarray(ab, np.float32), guide, radius)
    result = np.empty((height, width, 3), lightness.dtype)
    for rows in bands(height, width, BAND):
        part = lightness[rows]
        shades = part.astype(np.float32) / np.float32(scale.top)
        result[rows] = _joined(part, field.rows(shades, rows.start, height), scale)
    return result


def reduced(lightness: Pixels, height: int, width: int) -> NDArray[np.float32]:
    """Return lightness as float32 0..1 in another size, averaged where it gets smaller."""
    floats = lightness.astype(np.float32) / np.float32(np.iinfo(lightness.dtype).max)
    smaller = height <= floats.shape[0] and width <= floats.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(floats, (width, height), interpolation=method), np.float32)


def _joined(lightness: Pixels, ab: NDArray[np.float32], scale: Scale) -> Pixels:
    """Return RGB for lightness (n, w) and colour (n, w, 2) of one size."""
    levels = lightness.reshape(-1)
    # In float32 the darkest of 65,536 levels would be off by one.
    precise = np.float32 if lightness.dtype == np.uint8 else np.float64
    roots = scale.roots[levels].astype(precise)
    exact = encoded(_in_gamut(roots, ab.reshape(-1, 2).astype(precise))) * precise(scale.top)
    rgb = np.rint(exact).astype(lightness.dtype)
    off = np.flatnonzero(~_keeps(rgb, levels, scale))
    rgb[off] = _nearest_that_keeps(exact[off], levels[off], scale)
    return rgb.reshape(*lightness.shape, 3)


def _in_gamut(roots: Floats, ab: Floats) -> Floats:
    """Return linear RGB (n, 3) within 0..1, with as much of the chroma as fits."""
    linear = linear_of_roots(roots, ab, NEUTRAL)
    out = np.flatnonzero(_outside(linear))
    low, high = np.zeros((len(out), 1), ab.dtype), np.ones((len(out), 1), ab.dtype)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        fails = _outside(linear_of_roots(roots[out], ab[out] * middle, NEUTRAL))[:, None]
        low, high = np.where(fails, low, middle), np.where(fails, middle, high)
    linear[out] = linear_of_roots(roots[out], ab[out] * low, NEUTRAL)
    return np.clip(linear, 0, 1)


def _outside(linear: Floats) -> NDArray[np.bool_]:
    return np.asarray((linear.min(axis=1) < -SLACK) | (linear.max(axis=1) > 1 + SLACK))


def _keeps(rgb: Pixels, levels: Pixels, scale: Scale) -> NDArray[np.bool_]:
    light = scale.luminance(rgb)
    wide = levels.astype(np.intp)
    return (scale.limits[wide] <= light) & (light < scale.limits[wide + 1])


def _nearest_that_keeps(exact: Floats, levels: Pixels, scale: Scale) -> Pixels:
    """Round each channel up or down so that the lightness is kept, as near as that allows.

    One level of green moves the luminance by no more than 0.9 grey levels (of red and blue less),
    so among the eight roundings there is one that fits. The grey pixel stands by for float errors.
    """
    floor = np.floor(exact)
    best = np.repeat(levels[:, None], 3, axis=1)
    least = np.full(len(exact), np.inf)
    for up in product((0, 1), repeat=3):
        candidate = np.minimum(floor + np.array(up), scale.top)
        distance = np.abs(candidate - exact).sum(axis=1)
        whole = candidate.astype(levels.dtype)
        better = (distance < least) & _keeps(whole, levels, scale)
        best[better], least[better] = whole[better], distance[better]
    return best
