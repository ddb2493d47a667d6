"""A place of a result and the patches of the photographs that lent to it, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archivist.api import CodecSpec, UsageError
from archivist.api.errors import ArchivistError
from archivist.imaging.plugged import open_any
from archivist.model import text_to_path
from archivist.report import thumbnails
from archivist.report.explaining import Explanation, Folders
from archivist.report.lenders import COLOURS
from archivist.store.atomic import replacing

AROUND = 48
"""Pixels of a side that are shown of each photograph."""
ENLARGED = 8
_GAP = 24
_MAX_PIXELS = 1 << 40
_PAPER = 255


def draw(
    one: Explanation, folders: Folders, path: Path, *, codecs: Mapping[str, CodecSpec]
) -> None:
    """Write a PNG: left the result around the place, then each reference around its patch.

    Texture comes before colour. Each pixel is a square of 8; a frame marks the patch that was
    matched. Without a borrowing there is the result alone. Raises UsageError when a picture cannot
    be read or the file not written.
    """
    x, y, width, height = one.cell
    codec = codecs.get(one.asset.header.format)
    centre = x + width // 2, y + height // 2
    parts = [_part(one.place, one.page, codec, centre, (width, height))]
    for lent in one.borrowings:
        scan = folders.scans / text_to_path(lent.reference.path)
        codec = codecs.get(lent.reference.format)
        place = lent.x, lent.y
        parts.append(_part(scan, lent.reference.page, codec, place, (width, height)))
    gap = np.full((AROUND * ENLARGED, _GAP, 3), _PAPER, np.uint8)
    row = [piece for part in parts for piece in (gap, part)]
    sheet = np.pad(np.hstack([*row, gap]), ((_GAP, _GAP), (0, 0), (0, 0)), constant_values=_PAPER)
    try:
        with replacing(path) as temporary:
            Image.fromarray(sheet).save(temporary, "PNG")
    except OSError as error:
        message = f"the picture cannot be written to {path}: {error.strerror or error}"
        raise UsageError(f"{message}. Cure: name another file with --picture") from error


def _part(
    path: Path,
    page: int,
    codec: CodecSpec | None,
    centre: tuple[int, int],
    patch: tuple[int, int],
) -> NDArray[np.uint8]:
    """Return what lies around a place as a framed square of RGB."""
    try:
        with open_any(path, page, codec, max_pixels=_MAX_PIXELS) as raster:
            height, width, _ = raster.shape
            x0 = min(centre[0], width - 1) - AROUND // 2
            y0 = min(centre[1], height - 1) - AROUND // 2
            window = raster.read(
                max(0, y0), min(height, y0 + AROUND), max(0, x0), min(width, x0 + AROUND)
            )
            eight = thumbnails.to_eight_bits(np.ascontiguousarray(window))
            shown = thumbnails.to_srgb(eight, raster.icc)
    except (OSError, ArchivistError) as error:
        message = f"{path} cannot be shown: {error}"
        raise UsageError(f"{message}. Cure: without --picture the words alone are told") from error
    square = np.full((AROUND, AROUND, 3), _PAPER, np.uint8)
    top, left = max(0, -y0), max(0, -x0)
    square[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    large = square.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
    middle = AROUND // 2
    corner = (middle - patch[0] // 2) * ENLARGED, (middle - patch[1] // 2) * ENLARGED
    end = corner[0] + patch[0] * ENLARGED - 1, corner[1] + patch[1] * ENLARGED - 1
    return np.asarray(cv2.rectangle(large, corner, end, COLOURS[0], 2), np.uint8)
