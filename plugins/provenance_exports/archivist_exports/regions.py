"""Outlines of the places that a mask marks, as SVG for the selectors of annotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_LARGEST = 1 << 31
"""Pixels of a mask that is drawn; a larger one is told of without outlines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """Places of a mask: an SVG of ``shown`` of its ``total`` regions, and its share (0..1)."""

    svg: str
    shown: int
    total: int
    share: float


def outlines(path: Path, most: int) -> Outlines | None:
    """Return the outlines of the largest regions of a stored mask (PNG or TIFF, 0 and above).

    None when it cannot be read, or when nothing is marked.
    """
    mask = _read(path)
    if mask is None or not mask.any():
        return None
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = sorted(found, key=cv2.contourArea, reverse=True)[:most]
    height, width = mask.shape
    path_data = " ".join(_path(contour) for contour in largest)
    return Outlines(
        svg=f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><path d="{path_data}"/></svg>',
        shown=len(largest),
        total=len(found),
        share=float(np.count_nonzero(mask)) / mask.size,
    )


def _read(path: Path) -> NDArray[np.uint8] | None:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    except (OSError, cv2.error):
        return None
    if image is None or image.size > _LARGEST:
        return None
    return np.asarray(image > 0, np.uint8)


def _path(contour: NDArray[np.int32]) -> str:
    """Return the path of a contour around its pixels; a single pixel is a square."""
    points = contour[:, 0, :]
    if len(points) < 3:
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0) + 1
        return f"M{left},{top} H{right} V{bottom} H{left} Z"
    first, *rest = (f"{x},{y}" for x, y in points)
    return f"M{first} L{' '.join(rest)} Z"
