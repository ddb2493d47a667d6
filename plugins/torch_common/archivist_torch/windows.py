"""Windows over a picture: cores that cover it once, each seen with a halo around it.

A network whose receptive field is no wider than the halo gives, in the core of a window, exactly
what it gives for the whole picture: windows end where the picture ends, so that borders are padded
alike, and begin at multiples of the network's stride.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Box = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Window:
    """Rows and columns to see, and the core among them whose results count; in pixels."""

    seen: Box
    core: Box

    def inner(self, stride: int = 1) -> Box:
        """Return where the core lies in an array of what is seen, at 1 / ``stride`` of the size."""
        first, second = (
            slice((core.start - seen.start) // stride, (core.stop - seen.start) // stride)
            for core, seen in zip(self.core, self.seen, strict=True)
        )
        return first, second

    def core_at(self, stride: int) -> Box:
        """Return the core in the whole picture, at 1 / ``stride`` of the size."""
        return _divided(self.core, stride)

    def seen_at(self, stride: int) -> Box:
        """Return what is seen in the whole picture, at 1 / ``stride`` of the size."""
        return _divided(self.seen, stride)


def windows(height: int, width: int, *, core: int, halo: int, multiple: int) -> Iterator[Window]:
    """Yield windows, row by row. ``core`` and ``halo`` are rounded up to the ``multiple``.

    Raises ValueError when ``height`` or ``width`` is no multiple itself; pad the picture first.
    """
    if height % multiple or width % multiple:
        raise ValueError(f"{width} x {height} px: both must be multiples of {multiple}")
    core, halo = (-(-length // multiple) * multiple for length in (core, halo))
    for top in range(0, height, core):
        rows = slice(top, min(top + core, height))
        for left in range(0, width, core):
            columns = slice(left, min(left + core, width))
            seen = (_wider(rows, halo, height), _wider(columns, halo, width))
            yield Window(seen, (rows, columns))


def _wider(part: slice, halo: int, length: int) -> slice:
    return slice(max(0, part.start - halo), min(length, part.stop + halo))


def _divided(box: Box, stride: int) -> Box:
    first, second = (slice(part.start // stride, part.stop // stride) for part in box)
    return first, second
