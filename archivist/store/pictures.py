"""Rasters of steps as picture files, which any viewer opens, and back by window."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile

from archivist.api.values import Colour
from archivist.imaging.carried import CarriedMetadata
from archivist.imaging.encode import PageOutput, write_pages
from archivist.imaging.raster import open_source
from archivist.imaging.storage import Raster, Shape

TIFF, PNG = "image/tiff", "image/png"
PNG_PIXELS = 64_000_000
"""Maps above this many pixels lie as tiled TIFF: PNG is written and read whole in memory."""
_DESCRIPTION, _ASCII = 270, 2
_ANY_SIZE = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredPicture:
    """A picture read from the store. Images have ``colour``, ``depth`` of the scan and ``icc``."""

    raster: Raster
    colour: Colour = Colour.GREY
    depth: int = 16
    icc: bytes | None = None


class MaskAsBytes:
    """A read-only view of a bool raster as uint8: 0 and 255."""

    def __init__(self, mask: Raster) -> None:
        self._mask = mask

    @property
    def shape(self) -> Shape:
        """Height, width and one channel."""
        return self._mask.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always uint8."""
        return np.dtype(np.uint8)

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a window as 0 and 255."""
        return self._mask.read(y0, y1, x0, x1).astype(np.uint8) * np.uint8(255)

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Refuse: the view only reads."""
        raise TypeError("this raster is read-only")


class BytesAsMask:
    """A read-only view of a uint8 raster as bool: 128 and more is True."""

    def __init__(self, stored: Raster) -> None:
        self._stored = stored

    @property
    def shape(self) -> Shape:
        """Height, width and one channel."""
        return self._stored.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always bool."""
        return np.dtype(np.bool_)

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a window as bool."""
        return self._stored.read(y0, y1, x0, x1) >= 128

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Refuse: the view only reads."""
        raise TypeError("this raster is read-only")


def media_type_of(kind: str, raster: Raster) -> str:
    """Return how a raster is stored: images as TIFF, maps as PNG unless they are very large."""
    height, width, _ = raster.shape
    return TIFF if kind == "image" or height * width > PNG_PIXELS else PNG


def write_image(path: Path, picture: StoredPicture) -> None:
    """Write an image (uint16) with what belongs to it as TIFF. Raises OSError."""
    facts = json.dumps({"depth": picture.depth})
    page = PageOutput(
        raster=picture.raster,
        colour=picture.colour,
        icc=picture.icc,
        carried=CarriedMetadata(tiff_tags=((_DESCRIPTION, _ASCII, 0, facts, True),)),
    )
    write_pages(path, [page], format="tiff", depth=16)


def write_map(path: Path, raster: Raster, media_type: str) -> None:
    """Write a mask (bool) or a probability (uint16) as PNG or TIFF. Raises OSError."""
    mask = raster.dtype == np.bool_
    page = PageOutput(raster=MaskAsBytes(raster) if mask else raster, colour=Colour.GREY)
    form = "png" if media_type == PNG else "tiff"
    write_pages(path, [page], format=form, depth=8 if mask else 16)


def open_picture(path: Path, kind: str, scratch: Path | None = None) -> StoredPicture:
    """Open a stored picture; TIFF is read by window. Raises SourceError, OSError, ValueError."""
    raster = open_source(path, max_pixels=_ANY_SIZE, scratch=scratch)
    if kind == "mask":
        return StoredPicture(raster=BytesAsMask(raster), depth=8)
    if kind == "probability":
        return StoredPicture(raster=raster)
    with TiffFile(path) as tif:
        facts = json.loads(tif.pages[0].aspage().description)
    return StoredPicture(
        raster=raster, colour=raster.colour, depth=int(facts["depth"]), icc=raster.icc
    )
