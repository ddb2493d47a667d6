"""Pixels of an output page at the depth that is written, by window, alpha as the last channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.imaging.orient import Window
from archivist.imaging.page import PageOutput
from archivist.imaging.picture import to_depth, widen
from archivist.imaging.storage import Raster, bands


def channels(page: PageOutput, *, alpha: bool) -> int:
    """Return the number of samples of a pixel as written."""
    return page.raster.shape[2] + (1 if alpha and page.alpha is not None else 0)


def window(page: PageOutput, where: Window, depth: int, *, alpha: bool) -> NDArray[Any]:
    """Return samples (rows, columns, channels) of 8 or 16 bits; alpha as the last when wanted."""
    colours = at_depth(page.raster.read(*where), depth)
    if not alpha or page.alpha is None:
        return colours
    return np.concatenate([colours, at_depth(page.alpha.read(*where), depth)], axis=2)


def at_depth(samples: NDArray[Any], depth: int) -> NDArray[Any]:
    """Return uint8 or uint16 samples at a depth of 8 or 16 bits, without a copy where possible."""
    if samples.dtype == np.uint8 and depth == 8:
        return samples
    return to_depth(widen(samples), depth)


def whole(page: PageOutput, depth: int, *, alpha: bool) -> NDArray[Any]:
    """Return all samples of a page, converted band by band to keep the peak low."""
    height, width, _ = page.raster.shape
    if page.raster.dtype.itemsize * 8 == depth and not (alpha and page.alpha is not None):
        return np.ascontiguousarray(page.raster.read(0, height, 0, width))
    out = np.empty((height, width, channels(page, alpha=alpha)), f"uint{depth}")
    for y0, y1 in bands(page.raster):
        out[y0:y1] = window(page, (y0, y1, 0, width), depth, alpha=alpha)
    return out


def check_page(page: PageOutput) -> None:
    """Raise ValueError for a page whose parts do not fit each other: a fault of the caller."""
    height, width, count = page.raster.shape
    wanted = 1 if page.colour == "grey" else 3
    if count != wanted or min(height, width) < 1:
        raise ValueError(f"{page.colour} needs {wanted} channel(s), the raster is {(count,)}")
    for raster in _parts(page):
        if raster.dtype not in (np.uint8, np.uint16) or raster.shape[:2] != (height, width):
            raise ValueError(f"{raster.dtype} {raster.shape} cannot be written as one page")


def _parts(page: PageOutput) -> list[Raster]:
    return [page.raster] if page.alpha is None else [page.raster, page.alpha]
