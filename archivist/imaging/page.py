"""A page on its way in and on its way out: what readers and writers of formats hand over."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.api import Colour
from archivist.imaging.carried import NOTHING, CarriedMetadata
from archivist.imaging.storage import Raster
from archivist.model import Header


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """The header of a page with its colour profile; ``associated`` alpha is multiplied in."""

    header: Header
    icc: bytes | None = None
    associated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PageOutput:
    """One page to be written.

    ``raster`` is upright, uint16 (or uint8, taken as 257 times that) with 1 or 3 channels, 0 black;
    ``alpha`` is opacity of the same height and width with one channel, uint8 or uint16, and
    ``associated`` says that the colours are multiplied by it. ``dpi`` is (x, y).
    """

    raster: Raster
    colour: Colour
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    alpha: Raster | None = None
    associated: bool = False
    carried: CarriedMetadata = NOTHING
