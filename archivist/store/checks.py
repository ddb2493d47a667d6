"""Reading an output again before it takes its name: size, samples, profile, pixels, metadata."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import PublishError, SourceError
from archivist.hashing import digest_bytes
from archivist.imaging.encode import PageOutput
from archivist.imaging.metadata import SourceMetadata, compare
from archivist.imaging.probe import probe
from archivist.imaging.raster import SourceRaster, open_each
from archivist.imaging.samples import at_depth
from archivist.imaging.storage import Raster, bands
from archivist.model import Header, MetadataContract
from archivist.store.reading import scan_metadata

PSNR_FLOOR = 20.0
"""Decibels of lightness that a JPEG must reach: a wrong picture has about 10, a poor one 30."""
_DPI_TOLERANCE = 0.02
"""Relative; JFIF holds whole dots per inch, PNG whole pixels per metre."""


def check_output(
    path: Path,
    pages: Sequence[PageOutput],
    sources: Sequence[SourceMetadata],
    contracts: Sequence[MetadataContract],
    *,
    kind: str,
    depth: int,
    max_pixels: int,
) -> None:
    """Check a finished file against what was meant; of lossless formats every sample.

    Raises PublishError (``check``, or ``metadata-lost`` for a loss that no contract lists).
    """
    limit = max(max_pixels, *(page.raster.shape[0] * page.raster.shape[1] for page in pages))
    try:
        headers = probe(path, max_pixels=limit)
        if len(headers) != len(pages):
            raise _wrong(f"it has {len(headers)} pages, not {len(pages)}")
        for page, header in zip(pages, headers, strict=True):
            _check_header(page, header, kind, depth)
        with closing(open_each(path, max_pixels=limit)) as copies:
            for page, written in zip(pages, copies, strict=True):
                _check_pixels(page, written, kind, depth)
    except SourceError as error:
        raise _wrong(str(error)) from error
    data = path.read_bytes() if kind != "tiff" else None
    _check_metadata(path, data, sources, contracts)


def _wrong(what: str) -> PublishError:
    return PublishError(
        f"the output, read again, is not what was meant: {what}. Nothing was replaced. "
        "Cure: check disk and memory, then run the same command again",
        code="check",
    )


def _check_header(page: PageOutput, header: Header, kind: str, depth: int) -> None:
    height, width, _ = page.raster.shape
    meant = {
        "format": kind,
        "size": (width, height),
        "depth": depth,
        "colour": page.colour,
        "orientation": 1,
        "alpha": page.alpha is not None,
        "colour profile": digest_bytes(page.icc) if page.icc else None,
    }
    found = {
        "format": header.format,
        "size": (header.width, header.height),
        "depth": header.depth,
        "colour": header.colour,
        "orientation": header.orientation,
        "alpha": header.alpha,
        "colour profile": header.icc_digest,
    }
    for name, value in meant.items():
        if found[name] != value:
            raise _wrong(f"its {name} is {found[name]}, not {value}")
    if page.dpi is not None and not same_dpi(page.dpi, header.dpi):
        raise _wrong(f"its resolution is {header.dpi} dpi, not {page.dpi}")


def same_dpi(meant: tuple[float, float], found: tuple[float, float] | None) -> bool:
    """Tell whether a resolution came back as nearly as formats hold it."""
    if found is None:
        return False
    return all(
        abs(a - b) <= max(_DPI_TOLERANCE * a, 0.5) for a, b in zip(meant, found, strict=True)
    )


def _check_pixels(page: PageOutput, written: SourceRaster, kind: str, depth: int) -> None:
    if kind == "jpeg":
        reached = psnr(page.raster, written)
        if reached < PSNR_FLOOR:
            raise _wrong(f"its pixels differ by {reached:.1f} dB from those meant")
        return
    divided = kind == "png" and page.associated  # PNG holds colours without the opacity in them
    if not divided:
        _check_equal(page.raster, written, depth)
    if page.alpha is not None and written.alpha is not None:
        _check_equal(page.alpha, written.alpha, depth)


def _check_equal(meant: Raster, written: Raster, depth: int) -> None:
    width = meant.shape[1]
    for y0, y1 in bands(meant):
        wanted = at_depth(meant.read(y0, y1, 0, width), depth)
        if not np.array_equal(wanted, written.read(y0, y1, 0, width)):
            raise _wrong(f"its pixels differ in the rows {y0} to {y1}")


def psnr(meant: Raster, written: Raster) -> float:
    """Return the ratio of peak to error of lightness, in decibels, over the whole picture."""
    total, count, width = 0.0, 0, meant.shape[1]
    for y0, y1 in bands(meant):
        difference = _lightness(at_depth(meant.read(y0, y1, 0, width), 8))
        difference -= _lightness(at_depth(written.read(y0, y1, 0, width), 8))
        total += float(np.square(difference).sum(dtype=np.float64))
        count += difference.size
    return math.inf if total == 0 else 10 * math.log10(255.0**2 * count / total)


def _lightness(samples: NDArray[np.uint8]) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = samples.mean(axis=2, dtype=np.float32)
    return mean


def _check_metadata(
    path: Path,
    data: bytes | None,
    sources: Sequence[SourceMetadata],
    contracts: Sequence[MetadataContract],
) -> None:
    written = scan_metadata(path, data, range(len(sources)))
    for source, new, contract in zip(sources, written, contracts, strict=True):
        demand_whole(compare(source, new, contract), blame="archivist")


def demand_whole(problems: Sequence[str], *, blame: str) -> None:
    """Raise PublishError (``metadata-lost``) for losses; ``blame`` names whose fault they are."""
    if problems:
        raise PublishError(
            f"metadata would be lost: {'; '.join(problems[:5])}. The scan is untouched and "
            f"nothing was published. Cure: report this file as a fault of {blame}",
            code="metadata-lost",
        )
