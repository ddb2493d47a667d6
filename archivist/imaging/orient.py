"""Turning stored pixels upright, for whole arrays and for windows (Exif orientations 1 to 8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Window = tuple[int, int, int, int]
"""A part of a picture as (y0, y1, x0, x1), ends excluded."""

# orientation -> (transpose, flip rows, flip columns): upright = flips of the transposed picture.
MOVES = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""What each EXIF orientation does to the stored picture; for pixels and for points of metadata."""


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return stored pixels (height, width, ...) turned upright, C-contiguous."""
    transpose, rows, columns = MOVES[orientation]
    turned = np.swapaxes(pixels, 0, 1) if transpose else pixels
    turned = turned[:: -1 if rows else 1, :: -1 if columns else 1]
    return np.ascontiguousarray(turned)


def stored_window(window: Window, orientation: int, height: int, width: int) -> Window:
    """Return where a window of the upright picture lies in the stored one.

    ``height`` and ``width`` are of the stored picture. Reading the returned window and giving it to
    :func:`upright` makes the wanted window.
    """
    transpose, rows, columns = MOVES[orientation]
    high, wide = (width, height) if transpose else (height, width)
    y0, y1, x0, x1 = window
    if rows:
        y0, y1 = high - y1, high - y0
    if columns:
        x0, x1 = wide - x1, wide - x0
    return (x0, x1, y0, y1) if transpose else (y0, y1, x0, x1)
