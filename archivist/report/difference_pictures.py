"""A picture of how two files differ: the one, the other, and the difference, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from archivist.api import CodecSpec
from archivist.imaging.raster import SourceRaster
from archivist.imaging.storage import Raster, bands
from archivist.report import thumbnails
from archivist.report.differing import wide
from archivist.report.measuring import pages_of
from archivist.store.atomic import replacing

SIDE = 900
"""The longest side of each of the three pictures, in pixels."""
_GAP, _HEAD = 12, 34
_INK, _PAPER = 235, 32
_MOST = 65535


def write_difference(
    first: Path,
    second: Path,
    target: Path,
    codecs: Mapping[str, CodecSpec],
    names: tuple[str, str] = ("recorded", "made again"),
) -> int:
    """Write a PNG with both files and their difference; return how many times it is amplified.

    Of files with pages the first that differs is shown. Differences are the largest of any channel,
    made brighter until the largest is white, and reduced without losing single pixels. Both files
    must have equal sizes. Raises SourceError and OSError.
    """
    with closing(pages_of(first, codecs)) as ones, closing(pages_of(second, codecs)) as twos:
        for one, two in zip(ones, twos, strict=False):
            distance = _distance(one, two)
            if distance.any():
                return _write(target, one, two, distance, names)
    return 1


def difference(first: Raster, second: Raster, side: int) -> tuple[NDArray[np.uint8], int]:
    """Return the amplified difference of two rasters, uint8 (H, W), reduced, and its factor."""
    return _amplified(_distance(first, second), side)


def _amplified(distance: NDArray[np.uint16], side: int) -> tuple[NDArray[np.uint8], int]:
    factor = max(1, _MOST // max(1, int(distance.max(initial=0))))
    peaks = (_peaks(distance, side) * factor).astype(np.uint16)
    return thumbnails.to_eight_bits(peaks), factor


def _write(
    target: Path,
    one: SourceRaster,
    two: SourceRaster,
    distance: NDArray[np.uint16],
    names: tuple[str, str],
) -> int:
    small, factor = _amplified(distance, SIDE)
    panels = [_shown(page, page.icc) for page in (one, two)]
    panels.append(np.repeat(small[:, :, None], 3, axis=2))
    titles = (*names, f"difference x {factor}")
    parts = [_titled(panel, title) for panel, title in zip(panels, titles, strict=True)]
    gap = np.full((parts[0].shape[0], _GAP, 3), _PAPER, np.uint8)
    sheet = np.concatenate([parts[0], gap, parts[1], gap, parts[2]], axis=1)
    buffer = BytesIO()
    PillowImage.fromarray(sheet).save(buffer, "PNG")
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return factor


def _distance(first: Raster, second: Raster) -> NDArray[np.uint16]:
    """Return the largest difference of any channel, 0..65535, pixel by pixel."""
    height, width, _ = first.shape
    found = np.empty((height, width), np.uint16)
    for top, bottom in bands(first):
        one = wide(first.read(top, bottom, 0, width)).astype(np.int32)
        two = wide(second.read(top, bottom, 0, width)).astype(np.int32)
        found[top:bottom] = np.abs(one - two).max(axis=2)
    return found


def _peaks(values: NDArray[np.uint16], side: int) -> NDArray[np.uint32]:
    """Return values reduced to a side, each the largest of its block: nothing small is lost."""
    step = max(1, -(-max(values.shape) // side))
    rows, columns = (-(-length // step) for length in values.shape)
    padded = np.zeros((rows * step, columns * step), np.uint32)
    padded[: values.shape[0], : values.shape[1]] = values
    found: NDArray[np.uint32] = padded.reshape(rows, step, columns, step).max(axis=(1, 3))
    return found


def _shown(page: Raster, icc: bytes | None) -> NDArray[np.uint8]:
    """Return a picture reduced like its difference, in the colours of a screen."""
    step = max(1, -(-max(page.shape[:2]) // SIDE))
    small = thumbnails.to_srgb(thumbnails.reduce(page, -(-max(page.shape[:2]) // step)), icc)
    rows, columns = (-(-length // step) for length in page.shape[:2])
    small = np.repeat(small, 3, axis=2) if small.shape[2] == 1 else small
    sized: NDArray[Any] = cv2.resize(small, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(sized, np.uint8)


def _titled(panel: NDArray[np.uint8], title: str) -> NDArray[np.uint8]:
    width = max(panel.shape[1], 12 * len(title))
    titled = np.full((panel.shape[0] + _HEAD, width, 3), _PAPER, np.uint8)
    titled[_HEAD:, : panel.shape[1]] = panel
    ink = (_INK, _INK, _INK)
    cv2.putText(titled, title, (6, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.55, ink, 1, cv2.LINE_AA)
    return titled
