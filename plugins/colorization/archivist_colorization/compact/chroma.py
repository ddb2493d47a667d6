"""Chroma on the scale of the eye: what the compact network predicts in place of a and b.

A difference of 10 units of chroma is plain between greys and hardly seen between strong colours:
CIEDE2000 divides it by 1 + 0.045 C. Summed up along the way from grey, that is a logarithm. In the
plane that it makes of a and b, distances are nearly differences of CIEDE2000 at equal lightness,
and a prediction that is near there is near for the eye.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

RATE = 0.045
"""Of CIEDE2000: how fast the eye loses its feeling for chroma."""


def compressed(ab: Floats) -> Floats:
    """Return a and b (..., 2) on the scale of the eye: equal hue, chroma 0..40 for 0..110."""
    chroma = np.hypot(ab[..., :1], ab[..., 1:])
    return _scaled(ab, chroma, np.log1p(RATE * chroma) / RATE)


def expanded(planes: Floats) -> Floats:
    """Return the a and b of which :func:`compressed` gave ``planes`` (..., 2)."""
    chroma = np.hypot(planes[..., :1], planes[..., 1:])
    return _scaled(planes, chroma, np.expm1(RATE * chroma) / RATE)


def _scaled(ab: Floats, chroma: Floats, wanted: Floats) -> Floats:
    factor = np.divide(wanted, chroma, out=np.ones_like(chroma), where=chroma > 1e-6)
    return np.asarray(ab * factor, ab.dtype)
