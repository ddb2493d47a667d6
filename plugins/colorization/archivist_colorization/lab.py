"""CIE Lab of sRGB pixels, with the constants the paper's networks were trained with.

White is D65 (2 degrees); L is 0..100, a and b are about -110..110. The networks are given L
minus 50. All functions take and return arrays whose last axis holds the channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

XYZ_OF_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
"""From linear sRGB to XYZ; the middle row is the luminance, its weights sum to 1."""

RGB_OF_XYZ = np.linalg.inv(XYZ_OF_RGB)
WHITE = np.array([0.95047, 1.0, 1.08883])
"""The white that the networks were trained with; a grey pixel's a and b are up to 0.006 with it."""

NEUTRAL = XYZ_OF_RGB.sum(axis=1)
"""The white of the matrix: with it, grey pixels are those with a = b = 0, exactly."""

MIDDLE = 50.0
"""What is subtracted from L for the networks."""


def decoded(rgb: Array) -> Array:
    """Return linear light 0..1 of sRGB values 0..1."""
    return np.where(rgb > 0.04045, ((np.maximum(rgb, 0) + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def encoded(linear: Array) -> Array:
    """Return sRGB values of linear light; what is outside of 0..1 is clipped."""
    clipped = np.clip(linear, 0, 1)
    return np.where(clipped > 0.0031308, 1.055 * clipped ** (1 / 2.4) - 0.055, clipped * 12.92)


def root(share: Array) -> Array:
    """Return f of the Lab definition for a share of white: its cube root, linear near 0."""
    return np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)


def share(root_value: Array) -> Array:
    """Return the inverse of :func:`root`."""
    return np.where(root_value > 0.2068966, root_value**3, (root_value - 16 / 116) / 7.787)


def lab_of_rgb(rgb: Array) -> Array:
    """Return Lab of sRGB values 0..1, in the type of ``rgb``."""
    f = root(decoded(rgb.astype(np.float64)) @ XYZ_OF_RGB.T / WHITE)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(rgb.dtype)


def rgb_of_lab(lab: Array) -> Array:
    """Return sRGB values 0..1 of Lab, in the type of ``lab``; colours out of gamut are clipped."""
    wide = lab.astype(np.float64)
    return encoded(linear_of_roots((wide[..., 0] + 16) / 116, wide[..., 1:])).astype(lab.dtype)


def linear_of_roots(y_root: Array, ab: Array, white: Array = WHITE) -> Array:
    """Return linear sRGB, not clipped, of f(Y) = (L + 16) / 116 and a, b on a further axis."""
    x_root = y_root + ab[..., 0] / 500
    z_root = np.maximum(y_root - ab[..., 1] / 200, 0)
    xyz = share(np.stack([x_root, y_root, z_root], axis=-1)) * white.astype(y_root.dtype)
    return xyz @ RGB_OF_XYZ.T.astype(y_root.dtype)
