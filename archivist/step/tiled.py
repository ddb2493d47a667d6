"""A step called once for each tile of an image, its outputs blended, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from archivist.api.errors import BadOutput
from archivist.api.steps import Kind, Port, StepSpec, Verdict
from archivist.api.values import Image, Mask, Probability, Scores, Value
from archivist.imaging.raster import ArrayRaster, FileRaster, Raster, Shape
from archivist.imaging.tiles import map_raster
from archivist.step.calling import call
from archivist.step.checks import accept_outputs, check_inputs
from archivist.step.context import WorkerContext
from archivist.step.held import Held, as_value, hold, hold_picture
from archivist.store.pictures import StoredPicture

_DTYPES: Mapping[Kind, DTypeLike] = {
    Kind.IMAGE: np.uint16,
    Kind.PROBABILITY: np.uint16,
    Kind.MASK: np.bool_,
}


def run_tiled(
    spec: StepSpec,
    params: Any,
    inputs: Mapping[str, Held],
    ctx: WorkerContext,
    *,
    scratch: Path | None,
) -> tuple[dict[str, Held], dict[str, float], dict[str, object]]:
    """Return the outputs, the scores and the tiling used.

    With ``scratch``, a folder, the outputs lie in files there: nothing is held whole.
    """
    tiling, scale = spec.tiling, spec.scale(params)
    planes = {name: held for name, held in inputs.items() if held.kind in _DTYPES}
    others = {name: held.value() for name, held in inputs.items() if held.kind not in _DTYPES}
    height, width, _ = inputs["image"].raster.shape
    made = {
        port.name: _Late((height * scale, width * scale), _DTYPES[port.kind], scratch, port.name)
        for port in spec.outputs
        if port.kind in _DTYPES
    }
    tiles = _Tiles(spec, params, ctx, planes, others)
    used = map_raster(
        {name: held.raster for name, held in planes.items()},
        dict(made),
        tiles,
        size=tiling.size,
        overlap=tiling.overlap,
        multiple_of=tiling.multiple_of,
        scale=scale,
        begin=tiles.begin,
    )
    tiles.check_not_black()
    outputs = {}
    for port in spec.outputs:
        if port.kind in _DTYPES:
            outputs[port.name] = hold_picture(port, tiles.picture(port, made[port.name].raster))
    found = tiles.scores()
    for port in spec.outputs:
        if port.kind is Kind.SCORES:
            outputs[port.name] = hold(port, Scores(found))
    return outputs, found, {"mode": str(tiling.mode), "size": used, "overlap": tiling.overlap}


class _Tiles:
    """Calls the step for a tile; remembers scores and what the images are."""

    def __init__(
        self,
        spec: StepSpec,
        params: Any,
        ctx: WorkerContext,
        planes: Mapping[str, Held],
        others: Mapping[str, Value],
    ) -> None:
        self._spec, self._params, self._ctx = spec, params, ctx
        self._planes, self._others = planes, others
        self._images: dict[str, Image] = {}
        self.begin(0)

    def begin(self, side: int) -> None:
        """Forget what an attempt with larger tiles said."""
        self._sums: dict[str, float] = {}
        self._area = 0.0
        self._light_in = self._light_out = False

    def __call__(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the samples of each output for one tile."""
        self._ctx.check_cancelled()
        values: dict[str, Value] = dict(self._others)
        for name, samples in arrays.items():
            held = self._planes[name]
            values[name] = as_value(held.kind, samples, held.picture)
        check_inputs(self._spec, values)
        outputs = call(self._spec, values, self._params, self._ctx)
        if isinstance(outputs, Verdict):
            message = f"{self._spec.id}: a tiled step cannot say that it is not needed"
            raise BadOutput(f"{message}; give it `applies`, or make its tiling `internal`")
        scale = self._spec.scale(self._params)
        outputs = accept_outputs(self._spec, values, outputs, scale, tile=True)
        self._light_in = self._light_in or bool(arrays["image"].any())
        area = float(arrays["image"].shape[0] * arrays["image"].shape[1])
        self._area += area
        return dict(self._samples(outputs, area))

    def _samples(self, outputs: Mapping[str, Value], area: float) -> list[tuple[str, NDArray[Any]]]:
        samples: list[tuple[str, NDArray[Any]]] = []
        for name, value in outputs.items():
            if isinstance(value, Image):
                self._images[name] = value
                self._light_out = self._light_out or bool(value.pixels.any())
            if isinstance(value, Image | Probability | Mask):
                samples.append((name, value.pixels))
            elif isinstance(value, Scores):
                for key, score in value.values.items():
                    self._sums[key] = self._sums.get(key, 0.0) + score * area
            else:
                message = f"{self._spec.id}: a tiled step cannot give {type(value).__name__}"
                raise BadOutput(f"{message}; make its tiling `internal`")
        return samples

    def picture(self, port: Port, raster: Raster) -> StoredPicture:
        """Return the raster of an output with what the tiles said of it."""
        said = self._images.get(port.name)
        if said is None:
            return StoredPicture(raster=raster, depth=8 if port.kind is Kind.MASK else 16)
        return StoredPicture(raster=raster, colour=said.colour, depth=said.depth, icc=said.icc)

    def scores(self) -> dict[str, float]:
        """Return the means over the area of all tiles."""
        return {name: total / self._area for name, total in self._sums.items()}

    def check_not_black(self) -> None:
        """Raise :class:`BadOutput` when a picture went in and blackness came out."""
        makes_image = any(port.kind is Kind.IMAGE for port in self._spec.outputs)
        if makes_image and self._light_in and not self._light_out:
            raise BadOutput(f"{self._spec.id}: the image is all black, the input was not")


class _Late:
    """A raster that is made when the first tile tells how many channels it has."""

    def __init__(
        self, size: tuple[int, int], dtype: DTypeLike, scratch: Path | None, name: str
    ) -> None:
        self._size, self.dtype = size, np.dtype(dtype)
        self._scratch, self._name = scratch, name
        self._raster: Raster | None = None

    @property
    def shape(self) -> Shape:
        """Height, width and channels; 0 channels before the first window."""
        return (*self._size, 0) if self._raster is None else self._raster.shape

    @property
    def raster(self) -> Raster:
        """The raster that was made."""
        assert self._raster is not None  # a picture has at least one tile
        return self._raster

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a window."""
        return self.raster.read(y0, y1, x0, x1)

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Store a window, making the raster first if this is the first one."""
        if self._raster is None or self._raster.shape[2] != window.shape[2]:
            self._raster = self._make((*self._size, window.shape[2]))
        self._raster.write(y0, x0, window)

    def _make(self, shape: Shape) -> Raster:
        if self._scratch is None:
            return ArrayRaster(np.empty(shape, self.dtype))
        self._scratch.mkdir(parents=True, exist_ok=True)
        number = len(list(self._scratch.iterdir()))
        return FileRaster.create(self._scratch / f"{self._name}-{number}.npy", shape, self.dtype)
