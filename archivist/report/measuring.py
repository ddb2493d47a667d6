"""How far two pictures of one size are apart, measured at full size in bands."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archivist.api import CodecSpec
from archivist.imaging.plugged import open_any
from archivist.imaging.raster import SourceRaster, open_each
from archivist.imaging.storage import Raster, bands
from archivist.report.differing import wide

_MAX_PIXELS = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How two pictures differ, over all samples; differences run from 0 to 1.

    ``share`` is of pixels of which any channel differs; ``psnr`` is the peak signal-to-noise ratio
    in decibels, infinite for equal pictures; ``depth`` the bits of a sample of the first (8, 16).
    """

    share: float
    mean: float
    largest: float
    psnr: float
    depth: int = 16


class NotComparable(ValueError):
    """Two pictures of different size, channels or pages; the message says which."""


@dataclass(slots=True)
class _Sums:
    """What is added up over bands and pages."""

    pixels: int = 0
    samples: int = 0
    changed: int = 0
    total: float = 0.0
    squares: float = 0.0
    largest: int = 0
    depth: int = 16

    def add(self, first: Raster, second: Raster) -> None:
        height, width, channels = first.shape
        for top, bottom in bands(first):
            one = wide(first.read(top, bottom, 0, width)).astype(np.int32)
            two = wide(second.read(top, bottom, 0, width)).astype(np.int32)
            distance = np.abs(one - two)
            self.changed += int((distance > 0).any(axis=2).sum())
            self.total += float(distance.sum(dtype=np.float64))
            self.squares += float(np.square(distance, dtype=np.float64).sum())
            self.largest = max(self.largest, int(distance.max(initial=0)))
        self.depth = first.dtype.itemsize * 8
        self.pixels += height * width
        self.samples += height * width * channels

    def measure(self) -> Measure:
        mse = self.squares / self.samples / 65535**2
        return Measure(
            share=self.changed / self.pixels,
            mean=self.total / self.samples / 65535,
            largest=self.largest / 65535,
            psnr=math.inf if mse == 0 else -10 * math.log10(mse),
            depth=self.depth,
        )


def measure(first: Raster, second: Raster) -> Measure:
    """Return how two rasters of the same shape differ; 8 bits are widened to 16."""
    sums = _Sums()
    sums.add(first, second)
    return sums.measure()


def measure_files(first: Path, second: Path, codecs: Mapping[str, CodecSpec]) -> Measure:
    """Return how two files of pictures differ over all their pages, opacity included.

    Raises NotComparable when they are of different kinds, SourceError and OSError.
    """
    sums = _Sums()
    with closing(pages_of(first, codecs)) as ones, closing(pages_of(second, codecs)) as twos:
        for number, one in enumerate(ones):
            two = next(twos, None)
            if two is None:
                raise NotComparable(f"one of them has {number} pages, the other more")
            _check_alike(one, two)
            sums.add(one, two)
            if one.alpha is not None and two.alpha is not None:
                sums.add(one.alpha, two.alpha)
        if next(twos, None) is not None:
            raise NotComparable("one of them has more pages than the other")
    return sums.measure()


def _check_alike(one: SourceRaster, two: SourceRaster) -> None:
    if one.shape != two.shape:
        sizes = " and ".join(f"{h} x {w} x {c}" for h, w, c in (one.shape, two.shape))
        raise NotComparable(f"of different size or channels: {sizes}")
    if one.depth != two.depth:
        raise NotComparable(f"of {one.depth} and {two.depth} bits a sample")
    if (one.alpha is None) != (two.alpha is None):
        raise NotComparable("one of them has opacity, the other has none")
    if one.icc != two.icc:
        raise NotComparable("with different colour profiles")


def pages_of(path: Path, codecs: Mapping[str, CodecSpec]) -> Generator[SourceRaster, None, None]:
    """Yield the pages of a file, each to be read before the next is asked for.

    A file of a codec has one page. Raises SourceError and OSError.
    """
    suffix = path.suffix.lower()
    codec = next((one for one in codecs.values() if suffix in one.suffixes), None)
    if codec is None:
        yield from open_each(path, max_pixels=_MAX_PIXELS)
        return
    with open_any(path, 0, codec, max_pixels=_MAX_PIXELS) as page:
        yield page
