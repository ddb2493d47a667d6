"""Resolution (ISO/IEC 15444-1, I.5.3.7): pixels per metre as a quotient and a power of ten."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction

from archivist_jpeg2000.boxes import Box, box, boxes

Dpi = tuple[float, float]

CAPTURE, DISPLAY = b"resc", b"resd"
_METRE = Fraction(10_000, 254)
"""Inches."""
_FIELDS = ">HHHHbb"
_MOST = 0xFFFF
_LEAST, _LARGEST = 0.001, 1e6
"""Dots per inch beyond which a number is damage."""
_DIGITS = 4
"""Of a resolution in dpi that are kept, as in other formats."""


def read_resolutions(data: bytes, outer: Box) -> Mapping[bytes, Dpi | None]:
    """Return dots per inch (x, y) by kind: of capture and of display.

    None stands for one that cannot be read or is beyond all scanners. Raises SourceError for boxes
    that are not whole.
    """
    parts = list(boxes(data, outer.start, outer.end))
    return {part.kind: _dpi(data[part.start : part.end]) for part in parts}


def _dpi(text: bytes) -> Dpi | None:
    if len(text) != struct.calcsize(_FIELDS):
        return None
    above_y, below_y, above_x, below_x, power_y, power_x = struct.unpack(_FIELDS, text)
    if not (above_y and below_y and above_x and below_x):
        return None
    x = Fraction(above_x, below_x) * Fraction(10) ** power_x / _METRE
    y = Fraction(above_y, below_y) * Fraction(10) ** power_y / _METRE
    if not all(_LEAST < value < _LARGEST for value in (x, y)):
        return None
    return round(float(x), _DIGITS), round(float(y), _DIGITS)


def resolution(dpi: Dpi) -> bytes:
    """Return a box that gives a resolution in dpi (x, y) as that of capture.

    Raises ValueError for one that the box cannot hold.
    """
    (above_x, below_x, power_x), (above_y, below_y, power_y) = map(_quotient, dpi)
    text = struct.pack(_FIELDS, above_y, below_y, above_x, below_x, power_y, power_x)
    return box(b"res ", box(CAPTURE, text))


def _quotient(dpi: float) -> tuple[int, int, int]:
    """Return (numerator, denominator, power of ten) of pixels per metre; 300 dpi are exact."""
    value = Fraction(dpi).limit_denominator(10**_DIGITS) * _METRE
    if not 1e-9 < value < 1e9:
        raise ValueError(f"a resolution of {dpi} dpi cannot be written")
    power = 0
    while value > 1:
        value, power = value / 10, power + 1
    while value < Fraction(1, 10):
        value, power = value * 10, power - 1
    near = value.limit_denominator(_MOST)
    return near.numerator, near.denominator, power
