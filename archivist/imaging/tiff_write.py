"""Writing TIFF by tiles: 8 or 16 bits, grey or RGB, several pages, of any size.

Deflate at level 1 with the horizontal predictor: half the time of level 6 and 10 % more bytes;
LZW is slower and larger. Tiles of 512 pixels let any reader take a window out of a large file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from tifffile import TIFF, TiffWriter

from archivist.imaging.page import PageOutput
from archivist.imaging.samples import channels, window

TILE = 512
"""Side of a tile, in pixels."""

CLASSIC_LIMIT = 3_900_000_000
"""Bytes of uncompressed pixels above which BigTIFF is written: classic offsets end at 4 GiB."""

_ORIENTATION, _SHORT, _UPRIGHT = 274, 3, 1
_OWN_TAGS = {282, 283, 296, _ORIENTATION, 254, 34675}
"""Tags beside those of the library that the writer sets itself."""


def write_tiff(path: Path, pages: Sequence[PageOutput], *, depth: int, threads: int = 1) -> None:
    """Write pages of any sizes into one file. Raises OSError and ValueError."""
    _check_tags(pages)
    raw = sum(_raw_bytes(page, depth) for page in pages)
    with path.open("wb") as stream, TiffWriter(stream, bigtiff=raw > CLASSIC_LIMIT) as tif:
        for page in pages:
            _write_page(tif, page, depth, threads, single=len(pages) == 1)


def _write_page(
    tif: TiffWriter, page: PageOutput, depth: int, threads: int, *, single: bool
) -> None:
    height, width, _ = page.raster.shape
    samples = channels(page, alpha=True)
    side = (_tile_side(height), _tile_side(width))
    opacity = "assocalpha" if page.associated else "unassalpha"
    tif.write(
        _tiles(page, side, depth),
        shape=(height, width) if samples == 1 else (height, width, samples),
        dtype=f"uint{depth}",
        photometric="minisblack" if page.raster.shape[2] == 1 else "rgb",
        planarconfig="contig" if samples > 1 else None,
        extrasamples=[opacity] if page.alpha is not None else None,
        tile=side,
        compression="zlib",
        compressionargs={"level": 1},
        predictor=True,
        iccprofile=page.icc,
        resolution=page.dpi,
        resolutionunit="INCH" if page.dpi else None,
        subfiletype=0 if single else 2,
        software=False,
        metadata=None,
        extratags=[(_ORIENTATION, _SHORT, 1, _UPRIGHT, False), *page.carried.tiff_tags],
        maxworkers=threads,
        # Compressed tiles wait for being written in a buffer; the default is 256 MiB.
        buffersize=32 << 20,
    )


def _tiles(page: PageOutput, side: tuple[int, int], depth: int) -> Iterator[NDArray[Any]]:
    height, width, _ = page.raster.shape
    for y in range(0, height, side[0]):
        for x in range(0, width, side[1]):
            where = (y, min(y + side[0], height), x, min(x + side[1], width))
            yield window(page, where, depth, alpha=True)


def _tile_side(length: int) -> int:
    """Return the side of a tile: 512, or less (by 16, as TIFF wants) for a small picture."""
    return min(TILE, -(-length // 16) * 16)


def _raw_bytes(page: PageOutput, depth: int) -> int:
    height, width, _ = page.raster.shape
    return height * width * channels(page, alpha=True) * depth // 8


def _check_tags(pages: Sequence[PageOutput]) -> None:
    """Raise ValueError for carried tags that the writer sets, which would be dropped quietly."""
    own = _OWN_TAGS | TIFF.TAG_FILTERED
    codes = {tag[0] for page in pages for tag in page.carried.tiff_tags}
    if codes & own:
        raise ValueError(f"TIFF tags {sorted(codes & own)} are set by the writer")
