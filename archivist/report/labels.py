"""Labels the pixels of a result by their origin, a band after the other.

The picture before and after each step is compared sample by sample, at full size, so that a scan of
any size needs little memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.api.values import TransferMap
from archivist.imaging.storage import Raster
from archivist.report.differing import Differences, distance, wide
from archivist.report.origin import Change, Origin, Source, Stage

MOST_PARTS = 250
RANK = {origin: rank for rank, origin in enumerate(Origin)}


class Labels:
    """Labels the pixels of the result, a band after the other."""

    def __init__(self, stages: Sequence[Stage], height: int, width: int) -> None:
        self.stages, self.height, self.width = stages, height, width
        self.sources: list[Source] = [Source(Origin.UNTOUCHED)]
        self._ranks = np.zeros(MOST_PARTS + 1, np.int8)
        self.counts = np.zeros(MOST_PARTS + 1, np.int64)
        self.differences = [Differences() for _ in stages]

    def band(self, top: int, bottom: int) -> NDArray[np.uint8]:
        """Return the labels of some rows, and count them."""
        labels = np.zeros((bottom - top, self.width), np.uint8)
        for number, stage in enumerate(self.stages):
            if stage.resizes:
                steps = tuple(change.step for change in stage.changes)
                everywhere = np.ones(labels.shape, np.bool_)
                self._put(labels, everywhere, Source(Origin.ENLARGED, steps))
                self._fill(labels, everywhere, stage.changes, top, bottom)
                self._colour(labels, everywhere, stage.changes, top, bottom)
            else:
                self._compare(labels, number, top, bottom)
            for change in stage.changes:
                self._copy(labels, change, top, bottom)
        self.counts += np.bincount(labels.ravel(), minlength=MOST_PARTS + 1)
        return labels

    def _compare(self, labels: NDArray[np.uint8], number: int, top: int, bottom: int) -> None:
        stage = self.stages[number]
        apart = distance(
            wide(self._window(stage.before, top, bottom)),
            wide(self._window(stage.after, top, bottom)),
        )
        self.differences[number].add(apart, stage.tolerance)
        changed = apart > stage.tolerance
        if not changed.any():
            return
        rest = changed & ~self._fill(labels, changed, stage.changes, top, bottom)
        if not rest.any():
            return
        # A step that fills its mask may do more; it is held for it only if no other can have.
        others = [one for one in stage.changes if one.mask is None] or list(stage.changes)
        invented = any(one.conjectural and not one.colours for one in others)
        if invented or not any(one.colours for one in others):
            origin = Origin.INVENTED if invented else Origin.CORRECTED
            self._put(labels, rest, Source(origin, tuple(one.step for one in others)))
        else:
            self._colour(labels, rest, others, top, bottom)

    def _fill(
        self,
        labels: NDArray[np.uint8],
        where: NDArray[np.bool_],
        changes: Sequence[Change],
        top: int,
        bottom: int,
    ) -> NDArray[np.bool_]:
        """Label what lies in masks, or may do so; return which pixels that were."""
        filled = np.zeros_like(where)
        for change in changes:
            if change.mask is not None:
                inside = where & (self._window(change.mask, top, bottom)[:, :, 0] > 0)
                self._put(labels, inside, Source(Origin.FILLED, (change.step,)))
                filled |= inside
        if any(change.mask_unknown for change in changes):
            steps = tuple(change.step for change in changes)
            self._put(labels, where & ~filled, Source(Origin.UNCERTAIN, steps))
            return where
        return filled

    def _colour(
        self,
        labels: NDArray[np.uint8],
        where: NDArray[np.bool_],
        changes: Sequence[Change],
        top: int,
        bottom: int,
    ) -> None:
        """Tell borrowed colours from invented ones, where a step coloured."""
        invented = where.copy()
        for change in changes:
            for asset, lent in self._lent(change.exemplars, top, bottom):
                source = Source(Origin.COLOUR_BORROWED, (change.step,), asset)
                self._put(labels, lent & where, source)
                invented &= ~lent
        steps = tuple(change.step for change in changes if change.colours)
        if steps:
            self._put(labels, invented, Source(Origin.COLOUR_INVENTED, steps))

    def _copy(self, labels: NDArray[np.uint8], change: Change, top: int, bottom: int) -> None:
        for asset, lent in self._lent(change.transfer, top, bottom):
            self._put(labels, lent, Source(Origin.COPIED, (change.step,), asset))

    def _lent(
        self, transfer: TransferMap | None, top: int, bottom: int
    ) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Yield each photograph of a map that lent to some rows, and to which pixels."""
        if transfer is None:
            return
        rows, columns = self._places(transfer.source.shape, top, bottom)
        sources = transfer.source[rows][:, columns]
        for number in np.unique(sources[sources >= 0]):
            asset = transfer.assets[number] if number < len(transfer.assets) else ""
            yield asset, sources == number

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
            if len(self.sources) >= MOST_PARTS:
                source = self.sources[-1]
            else:
                self.sources.append(source)
                self._ranks[len(self.sources) - 1] = RANK[source.origin]
        number = self.sources.index(source)
        labels[where & (self._ranks[labels] <= RANK[source.origin])] = number
