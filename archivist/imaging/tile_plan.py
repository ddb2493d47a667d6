"""Where the tiles of a picture lie, and which pixels of the result each of them gives.

Along each side the tiles begin at multiples of ``multiple_of`` (so that a network with strides sees
the same grid as in the whole picture) and share a border with their neighbours. In the middle of
the border lies the seam, with a blending zone around it; from the zone to the end of a tile there
are at least ``overlap`` pixels. So no pixel that depends on less than ``overlap`` pixels around it
can see that the picture was cut: tiles then equal the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

BLEND = 16
"""Half the width of a blending zone at most, in pixels: enough to hide a seam, and cheap."""


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one side: it reads ``start..stop`` and owns ``first..last``, ends excluded.

    ``before`` and ``after`` are half the width of the blending zones around ``first`` and ``last``,
    0 at the border of the picture.
    """

    start: int
    stop: int
    first: int
    last: int
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlan:
    """The tiles of a picture: every row of tiles has the same columns. ``size`` is their side."""

    height: int
    width: int
    size: int
    multiple_of: int
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]


def plan_tiles(height: int, width: int, size: int, overlap: int, multiple_of: int = 1) -> TilePlan:
    """Return the tiles of a picture (all in pixels).

    ``size`` is the side of a tile with its borders; it is rounded down to a multiple of
    ``multiple_of`` and raised where it would leave nothing between the borders. ``overlap`` is the
    least distance of a used pixel from the end of its tile. Raises ValueError for sizes below 1.
    """
    if min(height, width, size, multiple_of) < 1 or overlap < 0:
        raise ValueError(f"no tiles of {size} with overlap {overlap} on {width} x {height}")
    side = max(size // multiple_of * multiple_of, smallest_tile(overlap, multiple_of))
    return TilePlan(
        height=height,
        width=width,
        size=side,
        multiple_of=multiple_of,
        rows=_spans(height, side, overlap, multiple_of),
        columns=_spans(width, side, overlap, multiple_of),
    )


def smallest_tile(overlap: int, multiple_of: int) -> int:
    """Return the smallest tile side at which the borders leave a step between two tiles."""
    blend = _blend(overlap)
    return _up(2 * (overlap + blend) + max(multiple_of, 4 * blend, 1), multiple_of)


def padded(span: Span, multiple_of: int) -> int:
    """Return the side of a tile after it was continued to a whole multiple."""
    return _up(span.stop - span.start, multiple_of)


def _blend(overlap: int) -> int:
    return min(BLEND, overlap // 2)


def _up(value: int, multiple_of: int) -> int:
    return -(-value // multiple_of) * multiple_of


def _spans(length: int, size: int, overlap: int, multiple_of: int) -> tuple[Span, ...]:
    if length <= size:
        return (Span(0, length, 0, length, 0, 0),)
    blend = _blend(overlap)
    longest = (size - 2 * (overlap + blend)) // multiple_of * multiple_of
    last_start = _up(length - size, multiple_of)
    steps = -(-last_start // longest)
    # Even steps: 10 tiles of nearly equal overlap instead of 9 and a nearly useless one.
    step = _up(-(-last_start // steps), multiple_of)
    starts = [min(number * step, last_start) for number in range(steps + 1)]
    seams = [(after + before + size) // 2 for before, after in pairwise(starts)]
    firsts, lasts = [0, *seams], [*seams, length]
    return tuple(
        Span(
            start,
            min(start + size, length),
            first,
            last,
            blend if first else 0,
            blend if last < length else 0,
        )
        for start, first, last in zip(starts, firsts, lasts, strict=True)
    )
