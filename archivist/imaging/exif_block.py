"""Orientation and resolution from an Exif block (JPEG APP1, PNG eXIf), for upright decoding.

Only the first directory is read; everything else in Exif belongs to the metadata package. A broken
block is not an error here: the picture can still be read, so the defaults are returned.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 282, 283, 296
INCHES = {2: 1.0, 3: 1 / 2.54}
"""Inches in one resolution unit of TIFF and Exif."""
LEAST, MOST = 1, 65535
"""Dots per inch that the header of a JPEG can say."""

_SHORT, _LONG, _RATIONAL = 3, 4, 5


def read_exif_block(block: bytes) -> tuple[int, tuple[float, float] | None]:
    """Return (orientation 1..8, dpi or None) of a TIFF-structured Exif block without its prefix."""
    try:
        values = dict(_entries(block))
    except struct.error:
        values = {}
    orientation = int(values.get(ORIENTATION, 1))
    unit = int(values.get(RESOLUTION_UNIT, 2))
    dpi = dots_per_inch(values.get(X_RESOLUTION, 0.0), values.get(Y_RESOLUTION, 0.0), unit)
    return (orientation if 1 <= orientation <= 8 else 1), dpi


def dots_per_inch(x: float, y: float, unit: int) -> tuple[float, float] | None:
    """Return a resolution in dpi; ``unit`` is 2 inch or 3 centimetre; None when it says nothing.

    What no format of ours can say, and no picture has, counts as nothing.
    """
    if unit not in INCHES:
        return None
    dpi = round(x / INCHES[unit], 4), round(y / INCHES[unit], 4)
    return dpi if all(LEAST <= value <= MOST for value in dpi) else None


def _entries(block: bytes) -> Iterator[tuple[int, float]]:
    """Yield (tag, value) of the single numbers in the first directory."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return
    (start,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, number, offset = struct.unpack_from(order + "HHII", block, at)
        if number != 1:
            continue
        if kind == _SHORT:
            yield tag, struct.unpack_from(order + "H", block, at + 8)[0]
        elif kind == _LONG:
            yield tag, offset
        elif kind == _RATIONAL and offset + 8 <= len(block):
            above, below = struct.unpack_from(order + "II", block, offset)
            yield tag, above / below if below else 0.0
