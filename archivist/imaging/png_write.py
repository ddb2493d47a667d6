"""Writing PNG: 8 or 16 bits, grey or RGB, with or without alpha. The whole picture is in memory."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import PublishError
from archivist.imaging.page import PageOutput
from archivist.imaging.png import SIGNATURE
from archivist.imaging.samples import whole

_GREY_ALPHA_LEVEL = 1
_TO_OPENCV = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
"""OpenCV orders the channels the other way round."""

_HEADER_END = len(SIGNATURE) + 25
_OWN_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"iCCP", b"pHYs"}
_METRES = 0.0254


def write_png(path: Path, page: PageOutput, *, depth: int) -> None:
    """Write one page. Associated alpha is divided out, as PNG wants. Raises OSError, ValueError."""
    _check_chunks(page.carried.png_chunks)
    samples = whole(page, depth, alpha=True)
    if page.alpha is not None and page.associated:
        samples = _unassociated(samples)
    data = memoryview(encode_png(samples))
    with path.open("wb") as stream:
        stream.write(data[:_HEADER_END])
        for name, body in (*_own_chunks(page), *page.carried.png_chunks):
            stream.write(_chunk(name, body))
        stream.write(data[_HEADER_END:])


def encode_png(samples: NDArray[Any]) -> bytes:
    """Return a PNG file of uint8 or uint16 samples (height, width, 1 to 4), losslessly.

    OpenCV's encoder takes 0.6 s of CPU for 24 megapixels of 8-bit RGB, libpng at level 1 takes 1.4
    for slightly more bytes; grey with alpha, which OpenCV does not know, goes to libpng.
    """
    channels = samples.shape[2]
    if channels == 2:
        return bytes(imagecodecs.png_encode(samples, level=_GREY_ALPHA_LEVEL))
    order = _TO_OPENCV.get(channels)
    ordered = samples if order is None else cv2.cvtColor(samples, order)
    done, encoded = cv2.imencode(".png", ordered)
    if not done:
        raise PublishError("the PNG encoder failed", code="encoder")
    return bytes(encoded)


def _own_chunks(page: PageOutput) -> list[tuple[bytes, bytes]]:
    chunks = []
    if page.icc:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(page.icc)))
    if page.dpi:
        x, y = (round(value / _METRES) for value in page.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
    return chunks


def _chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def _check_chunks(chunks: tuple[tuple[bytes, bytes], ...]) -> None:
    """Raise ValueError for chunks that the writer sets, or whose type is no four letters."""
    for name, _ in chunks:
        if name in _OWN_CHUNKS or len(name) != 4 or not name.isalpha():
            raise ValueError(f"PNG chunk {name!r} is set by the writer")


def _unassociated(samples: NDArray[Any]) -> NDArray[Any]:
    """Return samples with the colours divided by alpha (the last channel), clipped to the range."""
    full = np.iinfo(samples.dtype).max
    alpha = samples[:, :, -1:]
    colours = samples[:, :, :-1] * np.float64(full) / np.maximum(alpha, 1)
    straight = np.minimum(np.rint(colours), full).astype(samples.dtype)
    return np.concatenate([straight, alpha], axis=2)
