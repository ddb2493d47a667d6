"""The other scans of the archive, as a worker reads them: a region of a page, checked before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import SourceError
from archivist.api.extensions import CodecSpec
from archivist.api.values import Image
from archivist.hashing import digest_file
from archivist.imaging.picture import to_float
from archivist.imaging.plugged import open_any
from archivist.imaging.raster import Raster, Shape, SourceRaster
from archivist.imaging.resize import shrink
from archivist.model import Lookalike, text_to_path
from archivist.scan.formats import HEAD, classify

REMEMBERED = 4096
"""Files whose content is known to be the scanned one, until size or time changes."""
_CURE = "Cure: run the same command again: it chooses anew"

Region = tuple[int, int, int, int]


class Archive:
    """The scans under a folder. Not for two threads at the same time."""

    def __init__(self, scans: Path, max_pixels: int) -> None:
        self._scans, self._max_pixels = scans, max_pixels
        self._checked: OrderedDict[Path, tuple[str, int, int]] = OrderedDict()

    def check(self, place: Lookalike) -> Path:
        """Return the file of a lookalike when its content is the scanned one.

        The content is digested once in each state of the file. Raises SourceError:
        ``reference-gone``, ``reference-changed``.
        """
        path = self._scans / text_to_path(place.path)
        digest = place.asset.partition("#")[0]
        try:
            facts = path.stat()
            state = digest, facts.st_size, facts.st_mtime_ns
            if self._checked.get(path) == state:
                return path
            same = digest_file(path) == digest
        except OSError as error:
            why = error.strerror or error
            message = f"the reference {place.path} cannot be read ({why}). {_CURE}"
            raise SourceError(message, code="reference-gone") from error
        if not same:
            message = f"the reference {place.path} is not what was scanned. {_CURE}"
            raise SourceError(message, code="reference-changed")
        self._checked[path] = state
        while len(self._checked) > REMEMBERED:
            self._checked.popitem(last=False)
        return path

    def read(
        self,
        place: Lookalike,
        region: Region,
        *,
        longest: int = 0,
        codecs: Mapping[str, CodecSpec],
        scratch: Path | None = None,
    ) -> Image:
        """Return a region of a page, upright and read-only, reduced to ``longest`` if not 0.

        Raises SourceError when the file is gone, changed, damaged, or has no such region.
        """
        path = self.check(place)
        try:
            codec = _codec_of(path, codecs)
            with open_any(
                path, place.page, codec, max_pixels=self._max_pixels, scratch=scratch
            ) as source:
                return _image(source, region, longest)
        except OSError as error:
            message = f"the reference {place.path} cannot be read ({error.strerror}). {_CURE}"
            raise SourceError(message, code="reference-gone") from error
        except SourceError as error:
            message = f"the reference {place.path} cannot be read: {error}"
            raise SourceError(message, code=error.code) from error


@lru_cache(maxsize=2)
def archive_of(scans: str, max_pixels: int) -> Archive:
    """Return this worker's view of a folder of scans."""
    return Archive(Path(scans), max_pixels)


@dataclass(frozen=True, slots=True)
class _Window:
    """A read-only part of a raster, as a raster."""

    whole: Raster
    region: Region

    @property
    def shape(self) -> Shape:
        """Height, width and channels of the part."""
        return self.region[3], self.region[2], self.whole.shape[2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the whole."""
        return self.whole.dtype

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a window of the part."""
        x, y, _, _ = self.region
        return self.whole.read(y + y0, y + y1, x + x0, x + x1)

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Refuse: a scan is never written to."""
        raise TypeError("a scan is read-only")


def _image(source: SourceRaster, region: Region, longest: int) -> Image:
    x, y, width, height = region
    rows, columns, _ = source.shape
    inside = min(x, y) >= 0 and x + width <= columns and y + height <= rows
    if not inside or min(width, height) < 1:
        message = f"it has {columns} x {rows} pixels, no region {region}. {_CURE}"
        raise SourceError(message, code="reference-changed")
    raster = shrink(_Window(source, region), longest)
    height, width, _ = raster.shape
    pixels = to_float(np.ascontiguousarray(raster.read(0, height, 0, width)))
    pixels.setflags(write=False)
    return Image(pixels=pixels, colour=source.colour, depth=source.depth, icc=source.icc)


def _codec_of(path: Path, codecs: Mapping[str, CodecSpec]) -> CodecSpec | None:
    """Return the plugin's codec that the scan took for a file, None where it read it itself."""
    if not codecs:
        return None
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    return classify(str(path), head, path.stat().st_size, tuple(codecs.values())).codec
