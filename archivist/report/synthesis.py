"""Where each pixel of a result came from: scan, correction, invention, fill, or a reference.

The picture before and after each step is compared sample by sample, at full size and in bands, so
that a scan of any size needs little memory. Every pixel of the result belongs to exactly one part.
Where several steps changed a pixel it belongs to what takes it farthest from the scan (the order
of :class:`Origin`), and among equals to the last step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.api.values import TransferMap
from archivist.imaging.storage import Raster

_BAND_PIXELS = 4_000_000
"""Pixels that are compared at a time; some 100 bytes each."""
_MOST_PARTS = 250
UNITS = 257
"""Samples are compared in 16 bits; so many of these are one step of 8 bits."""


class Origin(StrEnum):
    """Where pixels came from, the nearest to the scan first."""

    UNTOUCHED = "untouched"
    """As in the scan."""
    ENLARGED = "enlarged"
    """Computed from the scan's pixels when the picture was made larger (or smaller)."""
    CORRECTED = "corrected"
    """Changed by a step, outside any mask: tone, noise, blur, stains."""
    INVENTED = "invented"
    """Changed by a step that declares that it invents content: colours, faces."""
    FILLED = "filled"
    """Inside a mask, and changed: what was there is gone."""
    COPIED = "copied"
    """Texture of another photograph of the archive."""


_RANK = {origin: rank for rank, origin in enumerate(Origin)}
# A scratch one pixel wide must not disappear in a small map under the correction around it.
_WEIGHT = {Origin.FILLED: 10.0, Origin.COPIED: 2.0, Origin.INVENTED: 2.0}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """What one step of a stage may have done. ``step`` is its place in the audit's list."""

    step: int
    conjectural: bool = False
    mask: Raster | None = None
    transfer: TransferMap | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """A picture before and after a step, or after several between which no picture was kept.

    Samples that differ by at most ``tolerance`` (of 65535) count as equal.
    """

    before: Raster
    after: Raster
    changes: tuple[Change, ...]
    tolerance: int = 0

    @property
    def resizes(self) -> bool:
        """True when the picture changed its size."""
        return self.before.shape[:2] != self.after.shape[:2]


@dataclass(frozen=True, slots=True)
class Source:
    """What a part is: its origin, the steps that may have made it, the reference copied from."""

    origin: Origin
    steps: tuple[int, ...] = ()
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the result. ``percent`` is of the area; those of all parts sum to 100.00."""

    source: Source
    pixels: int
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two pictures differ: share of pixels 0..1, mean and largest difference 0..1."""

    share: float
    mean: float
    largest: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Synthesis:
    """The map. ``labels`` (h, w) holds numbers of ``parts`` in a small size, ``cover`` (0..1) how
    much of each small pixel the part takes; ``stages`` are the differences made by each stage.
    """  # noqa: D205

    height: int
    width: int
    parts: tuple[Part, ...]
    labels: NDArray[np.uint8]
    cover: NDArray[np.float32]
    stages: tuple[Difference | None, ...]
    encoding: Difference | None = None
    """How the output file differs from the last picture: what writing it cost."""


def synthesis_of(
    stages: Sequence[Stage], final: Raster, output: Raster | None = None, *, side: int = 900
) -> Synthesis:
    """Return the map of ``final``, the last picture; ``output`` is the file that was written of it.

    ``side`` is the longest side of the small map.
    """
    height, width, _ = final.shape
    work = _Work(stages, height, width)
    factor = min(1.0, side / max(height, width))
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    small = _Small(rows, columns)
    encoding = _Differences()
    for first, last in _steps_of(rows, width * height / rows):
        top, bottom = round(first * height / rows), round(last * height / rows)
        labels = work.band(top, bottom)
        small.add(first, last, labels, [_WEIGHT.get(one.origin, 1.0) for one in work.sources])
        if output is not None and output.shape[:2] == (height, width):
            after = wide(output.read(top, bottom, 0, width))
            encoding.add(_distance(wide(final.read(top, bottom, 0, width)), after), 0)
    return _collected(work, small, encoding)


def _collected(work: _Work, small: _Small, encoding: _Differences) -> Synthesis:
    used = [n for n in range(len(work.sources)) if work.counts[n]]
    order = sorted(used, key=lambda n: (_RANK[work.sources[n].origin], n))
    percents = percents_of([int(work.counts[n]) for n in order])
    new = np.zeros(_MOST_PARTS + 1, np.uint8)
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


class _Differences:
    """Adds up how much pixels differ, band by band."""

    def __init__(self) -> None:
        self.pixels = self.changed = 0
        self._sum = 0.0
        self._largest = 0

    def add(self, distance: NDArray[np.uint16], tolerance: int) -> None:
        self.pixels += distance.size
        self.changed += int((distance > tolerance).sum())
        self._sum += float(distance.sum(dtype=np.float64))
        self._largest = max(self._largest, int(distance.max(initial=0)))

    def result(self) -> Difference:
        return Difference(
            share=self.changed / self.pixels,
            mean=self._sum / self.pixels / 65535,
            largest=self._largest / 65535,
        )


class _Work:
    """Labels the pixels of the result, a band after the other."""

    def __init__(self, stages: Sequence[Stage], height: int, width: int) -> None:
        self.stages, self.height, self.width = stages, height, width
        self.sources: list[Source] = [Source(Origin.UNTOUCHED)]
        self._ranks = np.zeros(_MOST_PARTS + 1, np.int8)
        self.counts = np.zeros(_MOST_PARTS + 1, np.int64)
        self.differences = [_Differences() for _ in stages]

    def band(self, top: int, bottom: int) -> NDArray[np.uint8]:
        """Return the labels of some rows, and count them."""
        labels = np.zeros((bottom - top, self.width), np.uint8)
        for number, stage in enumerate(self.stages):
            if stage.resizes:
                steps = tuple(change.step for change in stage.changes)
                everywhere = np.ones(labels.shape, np.bool_)
                self._put(labels, everywhere, Source(Origin.ENLARGED, steps))
            else:
                self._compare(labels, number, top, bottom)
            for change in stage.changes:
                if change.transfer is not None:
                    self._copy(labels, change, top, bottom)
        self.counts += np.bincount(labels.ravel(), minlength=_MOST_PARTS + 1)
        return labels

    def _compare(self, labels: NDArray[np.uint8], number: int, top: int, bottom: int) -> None:
        stage = self.stages[number]
        distance = _distance(
            wide(self._window(stage.before, top, bottom)),
            wide(self._window(stage.after, top, bottom)),
        )
        self.differences[number].add(distance, stage.tolerance)
        changed = distance > stage.tolerance
        if not changed.any():
            return
        rest = changed.copy()
        for change in stage.changes:
            if change.mask is not None:
                inside = changed & (self._window(change.mask, top, bottom)[:, :, 0] > 0)
                self._put(labels, inside, Source(Origin.FILLED, (change.step,)))
                rest &= ~inside
        # A step that fills its mask may do more; it is held for it only if no other can have.
        others = [one for one in stage.changes if one.mask is None] or list(stage.changes)
        invented = any(one.conjectural for one in others)
        origin = Origin.INVENTED if invented else Origin.CORRECTED
        self._put(labels, rest, Source(origin, tuple(one.step for one in others)))

    def _copy(self, labels: NDArray[np.uint8], change: Change, top: int, bottom: int) -> None:
        transfer = change.transfer
        assert transfer is not None
        rows, columns = self._places(transfer.source.shape, top, bottom)
        sources = transfer.source[rows][:, columns]
        for number in np.unique(sources[sources >= 0]):
            asset = transfer.assets[number] if number < len(transfer.assets) else ""
            source = Source(Origin.COPIED, (change.step,), asset)
            self._put(labels, sources == number, source)

    def _window(self, raster: Raster, top: int, bottom: int) -> NDArray[Any]:
        """Return rows of the result's grid from a raster that may have another size."""
        height, width, _ = raster.shape
        if (height, width) == (self.height, self.width):
            return raster.read(top, bottom, 0, width)
        rows, columns = self._places((height, width), top, bottom)
        block = raster.read(int(rows[0]), int(rows[-1]) + 1, 0, width)
        window: NDArray[Any] = block[rows - rows[0]][:, columns]
        return window

    def _places(
        self, shape: tuple[int, ...], top: int, bottom: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return for rows and columns of the result the nearest ones of another grid."""
        rows = ((np.arange(top, bottom) + 0.5) * shape[0] / self.height).astype(np.intp)
        columns = ((np.arange(self.width) + 0.5) * shape[1] / self.width).astype(np.intp)
        return rows, columns

    def _put(self, labels: NDArray[np.uint8], where: NDArray[np.bool_], source: Source) -> None:
        """Give pixels to a part, unless they belong to one farther from the scan."""
        if not where.any():
            return
        if source not in self.sources:
            if len(self.sources) >= _MOST_PARTS:
                source = self.sources[-1]
            else:
                self.sources.append(source)
                self._ranks[len(self.sources) - 1] = _RANK[source.origin]
        number = self.sources.index(source)
        labels[where & (self._ranks[labels] <= _RANK[source.origin])] = number


@dataclass(slots=True)
class _Small:
    """The map in the size of a page's pictures."""

    rows: int
    columns: int
    labels: NDArray[np.uint8] = field(init=False)
    cover: NDArray[np.float32] = field(init=False)
    _best: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.rows, self.columns)
        self.labels = np.zeros(shape, np.uint8)
        self.cover, self._best = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def add(
        self, first: int, last: int, labels: NDArray[np.uint8], weights: Sequence[float]
    ) -> None:
        """Reduce some rows; of the parts in a small pixel the weightiest is shown."""
        size = (self.columns, last - first)
        for number in np.unique(labels):
            if number == 0:
                continue
            share = cv2.resize(
                (labels == number).astype(np.float32), size, interpolation=cv2.INTER_AREA
            ).reshape(last - first, self.columns)
            weight = share * weights[number]
            better = weight > self._best[first:last]
            self._best[first:last][better] = weight[better]
            self.labels[first:last][better] = number
            self.cover[first:last][better] = share[better]


def _steps_of(rows: int, pixels_per_row: float) -> Iterator[tuple[int, int]]:
    """Yield bands of rows of the small map, each of some million pixels of the result."""
    step = max(1, int(_BAND_PIXELS / pixels_per_row))
    for first in range(0, rows, step):
        yield first, min(rows, first + step)


def wide(pixels: NDArray[Any]) -> NDArray[np.uint16]:
    """Return samples of 8 or 16 bits as 16."""
    return pixels if pixels.dtype == np.uint16 else pixels.astype(np.uint16) * UNITS


def _distance(first: NDArray[np.uint16], second: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the largest difference of any channel, pixel by pixel; grey counts as three equal."""
    larger, smaller = np.maximum(first, second), np.minimum(first, second)
    found: NDArray[np.uint16] = (larger - smaller).max(axis=2)
    return found
