"""Which colour profile a grey scan has after it became colour.

The profile of a grey scan says what its levels mean; an RGB file cannot carry it. The new profile
has the primaries of sRGB and, for each of the three channels, the curve of the old one: so a grey
pixel means what it meant before. Layout after ICC.1:2022 (profile version 4) and ICC.1:2001-04
(version 2).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

HEAD = 128
"""Bytes of the header."""
GREY, RGB, XYZ, LAB = b"GRAY", b"RGB ", b"XYZ ", b"Lab "
TITLE = "sRGB primaries, tone curve of the grey scan"
RIGHTS = "No copyright, use freely"
WHITE = (0.9642, 1.0, 0.8249)
"""D50, in which all profiles are connected."""
PRIMARIES: Mapping[bytes, tuple[float, float, float]] = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
"""Of sRGB, adapted to D50."""
ADAPTATION = (
    *(1.04791, 0.02293, -0.05022),
    *(0.02960, 0.99046, -0.01707),
    *(-0.00925, 0.01506, 0.75179),
)
"""From D65 to D50, after Bradford."""
SAMPLES = 1024
"""Entries of a curve that is computed anew."""


def rgb_profile(grey: bytes | None) -> bytes | None:
    """Return the profile for RGB made of a grey scan with profile ``grey``.

    None where there was none, or where it cannot be understood: RGB without a profile is sRGB.
    """
    if grey is None:
        return None
    try:
        curve = _curve(grey)
    except (struct.error, KeyError, ValueError):
        return None
    newer = grey[8] >= 4
    tags = {
        b"desc": _text(TITLE, newer, b"desc"),
        b"cprt": _text(RIGHTS, newer, b"text"),
        b"wtpt": _xyz(WHITE),
        **{name: _xyz(place) for name, place in PRIMARIES.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    if newer:
        tags[b"chad"] = b"sf32\0\0\0\0" + struct.pack(">9i", *map(_fixed, ADAPTATION))
    return _profile(grey, tags)


def _curve(grey: bytes) -> bytes:
    """Return the tone curve of a grey profile, from levels to luminance.

    Raises KeyError, ValueError or struct.error for a profile that has none.
    """
    if grey[16:20] != GREY:
        raise ValueError("not a profile of a grey scan")
    element = _tags(grey)[b"kTRC"]
    if element[:4] not in (b"curv", b"para"):
        raise ValueError("no tone curve")
    if grey[20:24] == LAB:  # the curve leads to L, which is no luminance
        return _table(_luminance(_sampled(element)))
    return element


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, HEAD)
    found = {}
    for number in range(min(count, 100)):
        name, start, size = struct.unpack_from(">4sII", profile, HEAD + 4 + 12 * number)
        found[name] = profile[start : start + size]
    return found


def _sampled(element: bytes) -> NDArray[np.float64]:
    """Return the values of a curve at SAMPLES levels. Raises ValueError for a parametric one."""
    if element[:4] != b"curv":
        raise ValueError("a parametric curve of L")
    (count,) = struct.unpack_from(">I", element, 8)
    levels = np.linspace(0, 1, SAMPLES)
    if count == 0:
        return levels
    stored = np.frombuffer(element, ">u2", count, 12).astype(np.float64)
    if count == 1:
        return np.asarray(levels ** (stored[0] / 256))
    return np.interp(levels, np.linspace(0, 1, count), stored / 65535)


def _luminance(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the luminance of L as a share of 100."""
    root = (light * 100 + 16) / 116
    return np.where(root > 6 / 29, root**3, 3 * (6 / 29) ** 2 * (root - 4 / 29))


def _table(values: NDArray[np.float64]) -> bytes:
    stored = np.rint(np.clip(values, 0, 1) * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(stored)) + stored.tobytes()


def _profile(grey: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """Return a display profile with these tags; equal elements are stored once."""
    start = HEAD + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    body, index = b"", struct.pack(">I", len(tags))
    for name, element in tags.items():
        if element not in places:
            places[element] = start + len(body)
            body += element + bytes(-len(element) % 4)
        index += struct.pack(">4sII", name, places[element], len(element))
    head = bytearray(HEAD)
    struct.pack_into(">I", head, 0, start + len(body))
    head[8:12] = grey[8:12]  # the version, which says what a curve may be
    head[12:24] = b"mntr" + RGB + XYZ
    head[24:36] = grey[24:36]  # the date: equal scans give equal bytes
    head[36:40] = b"acsp"
    struct.pack_into(">3i", head, 68, *map(_fixed, WHITE))
    return bytes(head) + index + body


def _xyz(place: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *map(_fixed, place))


def _fixed(value: float) -> int:
    return round(value * 65536)


def _text(text: str, newer: bool, kind: bytes) -> bytes:
    """Return a text element: one language in version 4, plain ASCII in version 2."""
    if newer:
        words = text.encode("utf-16-be")
        return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(words), 28) + words
    plain = text.encode("ascii") + b"\0"
    if kind == b"text":
        return b"text\0\0\0\0" + plain
    rest = bytes(4 + 4 + 2 + 1 + 67)  # no Unicode, no script code
    return b"desc\0\0\0\0" + struct.pack(">I", len(plain)) + plain + rest
