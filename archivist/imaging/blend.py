"""Joining the results of tiles into one picture.

Neighbours are blended across their seam with a raised cosine: the weights of two tiles sum to one
at every pixel, so where they agree the result is theirs, bit for bit. Only the blending zones of
the last tile and of the last row of tiles are kept; all else is written at once. Masks are not
blended: each pixel is taken from the tile that owns it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.imaging.picture import quantise
from archivist.imaging.storage import Raster
from archivist.imaging.tile_plan import Span, TilePlan, padded


class Blend:
    """One output under way: takes the tiles row by row and writes what is final."""

    def __init__(self, raster: Raster, plan: TilePlan, scale: int) -> None:
        self._raster, self._plan, self._scale = raster, plan, scale
        self._graded = raster.dtype in (np.float32, np.uint16)
        self._left: NDArray[np.float32] | None = None
        self._above: list[NDArray[np.float32] | None] = [None] * len(plan.columns)

    def add(self, row: int, column: int, tile: NDArray[Any]) -> None:
        """Take the result of one tile; the tiles come from left to right, row by row."""
        rows, columns = self._plan.rows[row], self._plan.columns[column]
        scale = self._scale
        tile = tile if tile.ndim == 3 else tile[:, :, np.newaxis]
        high, wide = (padded(span, self._plan.multiple_of) * scale for span in (rows, columns))
        if tile.shape[:2] != (high, wide):
            raise ValueError(f"a tile's result is {tile.shape}, expected ({high}, {wide}, ...)")
        y0, y1, x0, x1 = _given(rows, columns, scale, blended=self._graded)
        part = tile[
            y0 - rows.start * scale : y1 - rows.start * scale,
            x0 - columns.start * scale : x1 - columns.start * scale,
        ]
        if not self._graded:
            self._raster.write(y0, x0, part.astype(self._raster.dtype, copy=False))
            return
        part = self._across(part.astype(np.float32), columns)
        self._down(part, rows, column, y0, x0)

    def _across(self, part: NDArray[np.float32], columns: Span) -> NDArray[np.float32]:
        """Blend with the tile to the left; keep the zone that the tile to the right needs."""
        if columns.before:
            assert self._left is not None
            _fade(self._left, part, axis=1)
        zone = 2 * columns.after * self._scale
        if not zone:
            return part
        self._left = part[:, -zone:].copy()
        return part[:, :-zone]

    def _down(self, part: NDArray[np.float32], rows: Span, column: int, y0: int, x0: int) -> None:
        """Blend with the row of tiles above; keep the zone that the row below needs; write."""
        if rows.before:
            above = self._above[column]
            assert above is not None
            _fade(above, part, axis=0)
        zone = 2 * rows.after * self._scale
        if zone:
            self._above[column] = part[-zone:].copy()
            part = part[:-zone]
        final = quantise(part) if self._raster.dtype == np.uint16 else part
        self._raster.write(y0, x0, final)


def _given(rows: Span, columns: Span, scale: int, *, blended: bool) -> tuple[int, int, int, int]:
    """Return the window of the output that a tile contributes to."""
    if not blended:
        return rows.first * scale, rows.last * scale, columns.first * scale, columns.last * scale
    return (
        (rows.first - rows.before) * scale,
        (rows.last + rows.after) * scale,
        (columns.first - columns.before) * scale,
        (columns.last + columns.after) * scale,
    )


def _fade(old: NDArray[np.float32], new: NDArray[np.float32], axis: int) -> None:
    """Blend the beginning of ``new`` with ``old`` along an axis, in place.

    ``old + w * (new - old)`` gives their common value exactly where the two agree.
    """
    zone = old.shape[axis]
    steps = (np.arange(zone) + 0.5) / zone
    weights = (0.5 - 0.5 * np.cos(np.pi * steps)).astype(np.float32)
    weights = weights.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    start = new[:zone] if axis == 0 else new[:, :zone]
    start -= old
    start *= weights
    start += old
