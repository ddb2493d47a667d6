"""Writing JPEG: 8 bits, grey or RGB at full chroma resolution (4:4:4)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from archivist.api.errors import PublishError
from archivist.imaging.page import PageOutput
from archivist.imaging.samples import whole

LONGEST = 65_500
"""The longest side that libjpeg writes, in pixels."""

_PROFILE = b"ICC_PROFILE\0"
_PROFILE_PART = 65_519
"""Bytes of a profile in one segment: 65535 less length, name and two numbers."""
_JFIF_END = 20
"""SOI and the JFIF segment, as libjpeg begins every file."""


def write_jpeg(path: Path, page: PageOutput, *, quality: int) -> None:
    """Write one page; alpha cannot be kept. Raises PublishError, OSError and ValueError."""
    height, width, _ = page.raster.shape
    if max(height, width) > LONGEST:
        raise PublishError(
            f"JPEG holds at most {LONGEST} pixels a side, the picture is {width} x {height}. "
            'Cure: set format = "tiff" or max_side in the output profile',
            code="too-large",
        )
    _check_segments(page.carried.jpeg_segments)
    data = encode_jpeg(whole(page, 8, alpha=False), quality)
    if data[2:4] != b"\xff\xe0" or data[6:11] != b"JFIF\0":
        raise PublishError("the JPEG encoder wrote no JFIF header", code="encoder")
    with path.open("wb") as stream:
        stream.write(data[:2])
        stream.write(_jfif(page.dpi))
        for segment in page.carried.jpeg_segments:
            stream.write(segment)
        for segment in _profile_segments(page.icc):
            stream.write(segment)
        stream.write(memoryview(data)[_JFIF_END:])


def encode_jpeg(pixels: NDArray[Any], quality: int) -> bytes:
    """Return a JPEG file of uint8 pixels (height, width, 1 or 3); ``quality`` is 1..100."""
    space, chroma = ("GRAY", "Gray") if pixels.shape[2] == 1 else ("RGB", "444")
    pixels = np.ascontiguousarray(pixels)
    encoded: bytes = simplejpeg.encode_jpeg(
        pixels, quality=quality, colorspace=space, colorsubsampling=chroma, fastdct=False
    )
    return encoded


def _jfif(dpi: tuple[float, float] | None) -> bytes:
    """Return the JFIF segment: version 1.01, density in dots per inch or none, no thumbnail."""
    x, y = (min(65_535, max(1, round(value))) for value in dpi or (1.0, 1.0))
    unit = 1 if dpi else 0
    return b"\xff\xe0" + struct.pack(">H5sHBHHBB", 16, b"JFIF\0", 0x0101, unit, x, y, 0, 0)


def _profile_segments(icc: bytes | None) -> list[bytes]:
    """Return the segments of a colour profile. Raises PublishError for one above 16 MB."""
    icc = icc or b""
    parts = [icc[at : at + _PROFILE_PART] for at in range(0, len(icc), _PROFILE_PART)]
    if len(parts) > 255:
        raise PublishError(
            'the colour profile is too large for JPEG. Cure: set format = "tiff"',
            code="profile-too-large",
        )
    return [
        b"\xff\xe2"
        + struct.pack(">H", len(part) + len(_PROFILE) + 4)
        + _PROFILE
        + bytes((number, len(parts)))
        + part
        for number, part in enumerate(parts, start=1)
    ]


def _check_segments(segments: tuple[bytes, ...]) -> None:
    """Raise ValueError for pieces that are no APPn or COM segment, or that the writer sets."""
    for segment in segments:
        marker, size = segment[1] if len(segment) > 3 else 0, segment[2:4]
        if segment[:1] != b"\xff" or int.from_bytes(size, "big") + 2 != len(segment):
            raise ValueError("a carried JPEG segment is malformed")
        own = segment[4:9] == b"JFIF\0" or segment[4:16] == _PROFILE
        if own or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            raise ValueError(f"JPEG segment {marker:#x} is set by the writer")
