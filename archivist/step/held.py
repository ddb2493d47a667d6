"""Values on their way through the steps of one page, in the form in which they wait.

Images and maps wait as 16-bit rasters, masks as bool rasters, in memory or in a file: so a result
that is handed on equals one that comes back from the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.api.steps import Kind, Port
from archivist.api.values import Image, Mask, Probability, Value
from archivist.imaging.picture import quantise, to_float
from archivist.imaging.raster import ArrayRaster, Raster, value_digest
from archivist.store.artifacts import value_digest as digest_of_value
from archivist.store.pictures import StoredPicture


@dataclass(slots=True, kw_only=True, eq=False)
class Held:
    """A value under its name; it is loaded when something asks for it.

    ``maker`` is the digest of the record that made it, None for the scan and for values supplied
    by a person. ``load`` gives a picture (image, mask, probability) or the value itself.
    """

    kind: Kind
    digest: str
    role: str
    load: Callable[[], StoredPicture | Value]
    maker: str | None = None
    note: str = ""
    """What the record of a step that reads it says beside."""
    grown: int = 1
    """How many times larger than the scan the picture was on which the value lies."""
    _loaded: StoredPicture | Value | None = None

    def get(self) -> StoredPicture | Value:
        """Return the picture or value, loading it once."""
        if self._loaded is None:
            self._loaded = self.load()
        return self._loaded

    @property
    def picture(self) -> StoredPicture:
        """The picture of an image, mask or probability."""
        found = self.get()
        assert isinstance(found, StoredPicture)
        return found

    @property
    def raster(self) -> Raster:
        """The samples of an image, mask or probability."""
        return self.picture.raster

    def value(self) -> Value:
        """Return the value as a step sees it: whole, read-only."""
        found = self.get()
        if not isinstance(found, StoredPicture):
            return found
        height, width, _ = found.raster.shape
        return as_value(self.kind, found.raster.read(0, height, 0, width), found)


def as_value(kind: Kind, samples: NDArray[Any], picture: StoredPicture) -> Value:
    """Return samples (of a tile or the whole) as the value of a port, read-only.

    ``samples`` are those of a raster, or float32 in 0..1 already.
    """
    if kind is Kind.MASK:
        mask = np.array(samples[:, :, 0], np.bool_)
        mask.setflags(write=False)
        return Mask(pixels=mask)
    pixels = samples if samples.dtype == np.float32 else to_float(samples)
    pixels = np.ascontiguousarray(pixels)
    pixels.setflags(write=False)
    if kind is Kind.PROBABILITY:
        return Probability(pixels=pixels[:, :, 0])
    return Image(pixels=pixels, colour=picture.colour, depth=picture.depth, icc=picture.icc)


def hold(port: Port, value: Value) -> Held:
    """Return an output in the form in which it waits."""
    if isinstance(value, Image):
        raster = ArrayRaster(quantise(value.pixels))
        return hold_picture(
            port,
            StoredPicture(raster=raster, colour=value.colour, depth=value.depth, icc=value.icc),
        )
    if isinstance(value, Mask):
        return hold_picture(port, StoredPicture(raster=ArrayRaster(value.pixels), depth=8))
    if isinstance(value, Probability):
        return hold_picture(port, StoredPicture(raster=ArrayRaster(quantise(value.pixels))))
    return Held(
        kind=port.kind, digest=digest_of_value(value), role=role_of(port.kind), load=lambda: value
    )


def hold_picture(port: Port, picture: StoredPicture) -> Held:
    """Return a picture that a step made as a held value."""
    return Held(
        kind=port.kind,
        digest=value_digest(picture.raster),
        role=role_of(port.kind),
        load=lambda: picture,
    )


def role_of(kind: Kind) -> str:
    """Return what a value is to the step that reads it: what a step made or chose is a prior."""
    return "prior" if kind in (Kind.IMAGE, Kind.REFERENCES) else str(kind)
