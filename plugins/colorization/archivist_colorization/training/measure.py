"""How far colours are from true ones: CIEDE2000."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def ciede2000(one: Floats, other: Floats) -> Floats:
    """Return the CIEDE2000 difference of Lab colours (..., 3), with all weights 1.

    After Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula: implementation notes" (2005).
    """
    light = one[..., 0], other[..., 0]
    factor = _stretch((np.hypot(*_ab(one)) + np.hypot(*_ab(other))) / 2)
    (c1, h1), (c2, h2) = (_polar(x, factor) for x in (one, other))
    turn = (h2 - h1 + 180) % 360 - 180
    grey = c1 * c2 == 0
    turn = np.where(grey, 0, turn)
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_light, chroma = (light[0] + light[1]) / 2 - 50, (c1 + c2) / 2
    mean_hue = np.where(grey, h1 + h2, h1 + turn / 2)
    s_light = 1 + 0.015 * mean_light**2 / np.sqrt(20 + mean_light**2)
    s_chroma, s_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * _hue_weight(mean_hue)
    x, y, z = (light[1] - light[0]) / s_light, (c2 - c1) / s_chroma, hue / s_hue
    return np.sqrt(np.maximum(x * x + y * y + z * z + _rotation(chroma, mean_hue) * y * z, 0))


def _ab(lab: Floats) -> tuple[Floats, Floats]:
    return lab[..., 1], lab[..., 2]


def _stretch(chroma: Floats) -> Floats:
    return 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _polar(lab: Floats, factor: Floats) -> tuple[Floats, Floats]:
    a, b = _ab(lab)
    return np.hypot(a * factor, b), np.degrees(np.arctan2(b, a * factor)) % 360


def _hue_weight(hue: Floats) -> Floats:
    waves = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    return 1 + sum(w * np.cos(np.radians(n * hue + shift)) for w, n, shift in waves)


def _rotation(chroma: Floats, hue: Floats) -> Floats:
    angle = 60 * np.exp(-np.square(((hue % 360) - 275) / 25))
    return -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(angle))
