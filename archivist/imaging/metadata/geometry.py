"""Points and boxes of metadata, turned upright with the pixels."""

from __future__ import annotations

from archivist.imaging.orient import MOVES


def turned_point(x: float, y: float, orientation: int) -> tuple[float, float]:
    """Return where a point of the stored picture lies in the upright one; 0..1 of its sides."""
    transpose, rows, columns = MOVES[orientation]
    if transpose:
        x, y = y, x
    return (1.0 - x if columns else x), (1.0 - y if rows else y)


def turned_size(width: float, height: float, orientation: int) -> tuple[float, float]:
    """Return the width and height of a box after the picture was turned upright."""
    return (height, width) if orientation >= 5 else (width, height)


def turned_box(
    box: tuple[float, float, float, float], orientation: int
) -> tuple[float, float, float, float]:
    """Return a box (left, top, width, height; 0..1) of the stored picture in the upright one."""
    x, y, width, height = box
    across, down = turned_point(x + width / 2, y + height / 2, orientation)
    wide, high = turned_size(width, height, orientation)
    return across - wide / 2, down - high / 2, wide, high
