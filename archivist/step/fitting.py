"""Values of a picture that was enlarged since: a mask drawn on the scan fits the larger picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.api.steps import Kind
from archivist.api.values import Embedding, Face, Faces, TransferMap, Value
from archivist.imaging.raster import Raster, Shape
from archivist.step.held import Held
from archivist.store.pictures import StoredPicture

FITTED = (Kind.MASK, Kind.PROBABILITY, Kind.FACES, Kind.EMBEDDING, Kind.TRANSFER_MAP)
"""The kinds whose values lie on the picture."""


def fit(inputs: Mapping[str, Held], grown: int) -> dict[str, Held]:
    """Return inputs as they lie on a picture that is ``grown`` times as large as the scan.

    They keep their digests: how large the picture is, its own digest says.
    """
    return {name: _fitted(held, grown) for name, held in inputs.items()}


def _fitted(held: Held, grown: int) -> Held:
    factor, rest = divmod(grown, held.grown)
    if held.kind not in FITTED or factor < 2 or rest:
        return held
    # A Held is mutable (it loads itself once), so the copy has its own way to load.
    return Held(
        kind=held.kind,
        digest=held.digest,
        role=held.role,
        load=lambda: enlarged(held.get(), factor),
        maker=held.maker,
        note=held.note,
        grown=grown,
    )


def enlarged(found: StoredPicture | Value, factor: int) -> StoredPicture | Value:
    """Return a value of a picture for that picture enlarged by a whole factor.

    Maps repeat each pixel, so that a mask chooses just what it chose.
    """
    if isinstance(found, StoredPicture):
        return replace(found, raster=Repeated(found.raster, factor))
    if isinstance(found, Faces):
        return Faces(tuple(_face(face, factor) for face in found.faces))
    if isinstance(found, Embedding):
        regions = tuple(
            (x * factor, y * factor, width * factor, height * factor)
            for x, y, width, height in found.regions
        )
        return replace(found, regions=regions)
    if isinstance(found, TransferMap):
        return replace(found, stride=found.stride * factor)
    return found


@dataclass(frozen=True, slots=True)
class Repeated:
    """A read-only view of a raster in which each pixel is a square of ``factor`` pixels."""

    raster: Raster
    factor: int

    @property
    def shape(self) -> Shape:
        """Height, width and channels of the enlarged raster."""
        height, width, channels = self.raster.shape
        return height * self.factor, width * self.factor, channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the raster."""
        return self.raster.dtype

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a window."""
        rows, columns = np.arange(y0, y1) // self.factor, np.arange(x0, x1) // self.factor
        top, left = int(rows[0]), int(columns[0])
        found = self.raster.read(top, int(rows[-1]) + 1, left, int(columns[-1]) + 1)
        return found[rows - top][:, columns - left]

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Refuse: the view only reads."""
        raise TypeError("this raster is read-only")


def _face(face: Face, factor: int) -> Face:
    x, y, width, height = (number * factor for number in face.box)
    landmarks = tuple((u * factor, v * factor) for u, v in face.landmarks)
    return replace(face, box=(x, y, width, height), landmarks=landmarks)
