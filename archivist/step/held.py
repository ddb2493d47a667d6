"""Values on their way through the steps of one page, in the form in which they wait.

Images wait as 16-bit rasters (in memory or in a scratch file), so that a result handed on equals
one that comes back from the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.api.steps import Kind, Port
from archivist.api.values import Colour, Image, Mask, Probability, Value
from archivist.imaging.picture import quantise, to_float
from archivist.imaging.raster import ArrayRaster, Raster, value_digest
from archivist.model import Artifact
from archivist.store.artifacts import value_digest as digest_of_value


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What stays with an image from step to step."""

    colour: Colour
    depth: int
    icc: bytes | None


@dataclass(slots=True, kw_only=True)
class Held:
    """A value under its name; the samples are loaded when something asks for them.

    ``maker`` is the digest of the record that made it, None for the scan and for values supplied
    by a person. ``load`` gives a raster (images, masks, probabilities) or the value itself.
    """

    kind: Kind
    digest: str
    role: str
    load: Callable[[], Raster | Value]
    maker: str | None = None
    facts: ImageFacts | None = None
    artifact: Artifact | None = None
    _loaded: Raster | Value | None = None

    def get(self) -> Raster | Value:
        """Return the raster or value, loading it once."""
        if self._loaded is None:
            self._loaded = self.load()
        return self._loaded

    @property
    def raster(self) -> Raster:
        """The raster of an image, mask or probability."""
        found = self.get()
        assert not isinstance(found, Value)
        return found

    def value(self) -> Value:
        """Return the value as a step sees it: whole, read-only."""
        found = self.get()
        if isinstance(found, Value):
            return found
        height, width = found.shape[:2]
        return as_value(self.kind, found.read(0, height, 0, width), self.facts)


def as_value(kind: Kind, samples: NDArray[Any], facts: ImageFacts | None) -> Value:
    """Return samples of a raster as the value of a port: float32 images, bool masks."""
    if kind is Kind.IMAGE:
        assert facts is not None
        pixels = to_float(samples)
        pixels.setflags(write=False)
        return Image(pixels=pixels, colour=facts.colour, depth=facts.depth, icc=facts.icc)
    plane = samples[..., 0] if samples.ndim == 3 else samples
    if kind is Kind.MASK:
        mask = np.array(plane, np.bool_)
        mask.setflags(write=False)
        return Mask(pixels=mask)
    pixels = plane if plane.dtype == np.float32 else to_float(plane)
    pixels = np.ascontiguousarray(pixels)
    pixels.setflags(write=False)
    return Probability(pixels=pixels)


def hold(port: Port, value: Value) -> Held:
    """Return an output in the form in which it waits: images and maps as 16 bit, masks as 0/1."""
    if isinstance(value, Image):
        facts = ImageFacts(colour=value.colour, depth=value.depth, icc=value.icc)
        return hold_raster(port, ArrayRaster(as_samples(value)), facts)
    if isinstance(value, Mask | Probability):
        return hold_raster(port, ArrayRaster(as_samples(value)), None)
    return Held(
        kind=port.kind, digest=digest_of_value(value), role=str(port.kind), load=lambda: value
    )


def hold_raster(port: Port, raster: Raster, facts: ImageFacts | None) -> Held:
    """Return a raster that a step made as a held value."""
    return Held(
        kind=port.kind,
        digest=value_digest(raster),
        role="prior" if port.kind is Kind.IMAGE else str(port.kind),
        load=lambda: raster,
        facts=facts if port.kind is Kind.IMAGE else None,
    )


def as_samples(value: Image | Mask | Probability) -> NDArray[Any]:
    """Return the samples of a value as they wait: uint16, or bool for masks."""
    if isinstance(value, Mask):
        return value.pixels
    return quantise(value.pixels)
