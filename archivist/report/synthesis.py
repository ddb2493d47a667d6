"""Where each pixel of a result came from, as one map: how much each part takes, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from archivist.imaging.storage import Raster
from archivist.report.differing import Differences, distance, wide
from archivist.report.labels import MOST_PARTS, RANK, Labels
from archivist.report.origin import Part, Stage, Synthesis
from archivist.report.small_map import WEIGHT, SmallMap

_BAND_PIXELS = 4_000_000
"""Pixels that are compared at a time; some 100 bytes each."""


def synthesis_of(
    stages: Sequence[Stage], final: Raster, output: Raster | None = None, *, side: int = 900
) -> Synthesis:
    """Return the map of ``final``, the last picture; ``output`` is the file that was written of it.

    ``side`` is the longest side of the small map.
    """
    height, width, _ = final.shape
    work = Labels(stages, height, width)
    factor = min(1.0, side / max(height, width))
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    small = SmallMap(rows, columns)
    encoding = Differences()
    for first, last in _steps_of(rows, width * height / rows):
        top, bottom = round(first * height / rows), round(last * height / rows)
        labels = work.band(top, bottom)
        small.add(first, last, labels, [WEIGHT.get(one.origin, 1.0) for one in work.sources])
        if output is not None and output.shape[:2] == (height, width):
            after = wide(output.read(top, bottom, 0, width))
            encoding.add(distance(wide(final.read(top, bottom, 0, width)), after), 0)
    return _collected(work, small, encoding)


def _collected(work: Labels, small: SmallMap, encoding: Differences) -> Synthesis:
    used = [n for n in range(len(work.sources)) if work.counts[n]]
    order = sorted(used, key=lambda n: (RANK[work.sources[n].origin], n))
    percents = percents_of([int(work.counts[n]) for n in order])
    new = np.zeros(MOST_PARTS + 1, np.uint8)
    new[order] = np.arange(len(order))
    parts = tuple(
        Part(source=work.sources[n], pixels=int(work.counts[n]), percent=percent)
        for n, percent in zip(order, percents, strict=True)
    )
    return Synthesis(
        height=work.height,
        width=work.width,
        parts=parts,
        labels=new[small.labels],
        cover=small.cover,
        stages=tuple(None if one.pixels == 0 else one.result() for one in work.differences),
        encoding=encoding.result() if encoding.pixels else None,
    )


def percents_of(counts: Sequence[int]) -> list[float]:
    """Return shares of counts in percent with two decimals that sum to exactly 100.00.

    What is there never becomes 0.00: the smallest share shown is 0.01.
    """
    total = sum(counts)
    if not total:
        return [0.0 for _ in counts]
    exact = [count * 10_000 / total for count in counts]
    given = [max(int(value), 1) if count else 0 for value, count in zip(exact, counts, strict=True)]
    by_rest = sorted(range(len(counts)), key=lambda n: given[n] - exact[n])
    short = 10_000 - sum(given)
    for n in by_rest[: max(short, 0)]:
        given[n] += 1
    if short < 0:  # many tiny shares were raised to 0.01: the largest pays for them
        given[given.index(max(given))] += short
    return [value / 100 for value in given]


def _steps_of(rows: int, pixels_per_row: float) -> Iterator[tuple[int, int]]:
    """Yield bands of rows of the small map, each of some million pixels of the result."""
    step = max(1, int(_BAND_PIXELS / pixels_per_row))
    for first in range(0, rows, step):
        yield first, min(rows, first + step)
