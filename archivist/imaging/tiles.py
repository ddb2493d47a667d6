"""Working on a picture tile by tile, with seams that cannot be seen, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import OutOfMemory
from archivist.imaging.blend import Blend
from archivist.imaging.picture import to_float
from archivist.imaging.storage import ArrayRaster, Raster
from archivist.imaging.tile_plan import Span, TilePlan, padded, plan_tiles, smallest_tile

__all__ = ["Arrays", "TilePlan", "map_raster", "map_tiles", "plan_tiles", "tiled"]

Arrays = Mapping[str, NDArray[Any]]
"""Samples by name, each (rows, columns, channels)."""

TileFunction = Callable[[Arrays], Arrays]

_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "not enough memory")
"""How torch says it, for GPUs and for its CPU allocator on Linux and Windows."""


def map_raster(
    inputs: Mapping[str, Raster],
    outputs: Mapping[str, Raster],
    fn: TileFunction,
    *,
    size: int,
    overlap: int,
    multiple_of: int = 1,
    scale: int = 1,
    begin: Callable[[int], None] | None = None,
) -> int:
    """Apply ``fn`` to all tiles, from rasters into rasters, and return the tile side used.

    All inputs have the same height and width. ``fn`` gets for each the array (rows, columns,
    channels): float32 0..1 of uint8, uint16 and float32 rasters, bool of bool rasters; at the right
    and lower border the picture is continued by reflection up to a multiple of ``multiple_of``. It
    returns for each output an array ``scale`` times as high and wide, with or without an axis of
    channels. What an output is, its type says: uint16 and float32 take floats 0..1 and are blended
    (uint16 is quantised after blending), bool and uint8 take masks and are not.

    When ``fn`` runs out of memory the whole pass begins again with tiles of half the side;
    ``begin`` is called with the side at the start of each pass. Raises
    :class:`~archivist.api.errors.OutOfMemory` when not even the smallest tile fits.
    """
    height, width = _common_size(inputs)
    for name, raster in outputs.items():
        if raster.shape[:2] != (height * scale, width * scale):
            raise ValueError(f"output {name!r} is {raster.shape}, not {scale} times the input")

    def attempt(side: int) -> int:
        plan = plan_tiles(height, width, side, overlap, multiple_of)
        if begin is not None:
            begin(plan.size)
        blends = {name: Blend(raster, plan, scale) for name, raster in outputs.items()}
        for row, rows in enumerate(plan.rows):
            for column, columns in enumerate(plan.columns):
                results = fn(_tile(inputs, rows, columns, multiple_of))
                for name, blend in blends.items():
                    blend.add(row, column, results[name])
        return plan.size

    return _with_smaller_tiles(attempt, size, overlap, multiple_of, max(height, width))


def tiled(
    pixels: NDArray[np.float32],
    fn: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    size: int,
    overlap: int,
    multiple_of: int = 1,
    scale: int = 1,
) -> tuple[NDArray[np.float32], int]:
    """Apply ``fn`` to the tiles of (height, width, channels); return the result and the tile side.

    As :func:`map_raster` with one input and one output, in memory; ``fn`` may return any number of
    channels.
    """
    output = _LateRaster(pixels.shape[0] * scale, pixels.shape[1] * scale)
    used = map_raster(
        {"pixels": ArrayRaster(pixels)},
        {"pixels": output},
        lambda tile: {"pixels": fn(tile["pixels"])},
        size=size,
        overlap=overlap,
        multiple_of=multiple_of,
        scale=scale,
    )
    assert output.array is not None  # a picture has at least one tile
    return output.array, used


def map_tiles(
    pixels: NDArray[np.float32],
    fn: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    size: int,
    overlap: int,
    multiple_of: int = 1,
    scale: int = 1,
) -> NDArray[np.float32]:
    """Apply ``fn`` to overlapping tiles of (height, width, channels) and blend; see tiled."""
    options = {"size": size, "overlap": overlap, "multiple_of": multiple_of, "scale": scale}
    return tiled(pixels, fn, **options)[0]


class _LateRaster:
    """A float32 raster in memory that learns its number of channels from the first window."""

    dtype: np.dtype[Any] = np.dtype(np.float32)

    def __init__(self, height: int, width: int) -> None:
        self._size = height, width
        self.array: NDArray[np.float32] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        return (*self._size, 0 if self.array is None else self.array.shape[2])

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        assert self.array is not None
        return self.array[y0:y1, x0:x1]

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        rows, columns, channels = window.shape
        if self.array is None or self.array.shape[2] != channels:
            self.array = np.empty((*self._size, channels), np.float32)
        self.array[y0 : y0 + rows, x0 : x0 + columns] = window


def _common_size(inputs: Mapping[str, Raster]) -> tuple[int, int]:
    sizes = {raster.shape[:2] for raster in inputs.values()}
    if len(sizes) != 1:
        raise ValueError(f"the inputs of a tiled step have different sizes: {sorted(sizes)}")
    return sizes.pop()


def _tile(
    inputs: Mapping[str, Raster], rows: Span, columns: Span, multiple_of: int
) -> dict[str, NDArray[Any]]:
    """Return the samples of a tile by name, reflected up to whole multiples."""
    below = padded(rows, multiple_of) - (rows.stop - rows.start)
    right = padded(columns, multiple_of) - (columns.stop - columns.start)
    tile = {}
    for name, raster in inputs.items():
        samples = raster.read(rows.start, rows.stop, columns.start, columns.stop)
        if samples.dtype in (np.uint8, np.uint16):
            samples = to_float(samples)
        if below or right:
            samples = np.pad(samples, ((0, below), (0, right), (0, 0)), mode="reflect")
        tile[name] = np.ascontiguousarray(samples)
    return tile


def _with_smaller_tiles(
    attempt: Callable[[int], int], size: int, overlap: int, multiple_of: int, longest: int
) -> int:
    """Return what ``attempt`` returns for the largest tile that fits, beginning with ``size``."""
    floor = smallest_tile(overlap, multiple_of)
    side = max(floor, min(size, -(-longest // multiple_of) * multiple_of))
    while True:
        try:
            return attempt(side)
        except (MemoryError, OutOfMemory, RuntimeError) as error:
            if not _says_out_of_memory(error):
                raise
            message = str(error)
        # Outside the handler: the traceback, which holds the arrays of the tile, is gone here.
        if side <= floor:
            raise OutOfMemory(
                f"not even a tile of {side} x {side} pixels fits into memory ({message}). "
                "Cure: give the worker more memory, or run fewer workers"
            )
        side = max(floor, side // 2)


def _says_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    known = isinstance(error, MemoryError | OutOfMemory)
    return known or any(part in text for part in _MEMORY_TEXTS)
