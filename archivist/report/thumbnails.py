"""Small pictures for a page: arrays in, data URIs out."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from archivist.imaging.storage import Raster
from archivist.report.lenders import COLOURS

MASK_COLOUR = (255, 45, 125)
"""A red-violet that neither silver prints nor faded colour prints contain."""
MASK_OPACITY = 165
UNSURE, SURE = (214, 70, 140), (0, 158, 115)
"""Colours of a step's confidence, from none to full."""
GRADED_OPACITY = 125
REDRAWN = (140, 80, 200)
"""The colour of content that was invented, as in the map of an audit."""
REDRAWN_OPACITY = 110
_WHITE = (255, 255, 255)
_GRADES = 16
_LEVELS = 8
_QUALITY = 80
_BAND_BYTES = 32 << 20


def reduce(raster: Raster, side: int) -> NDArray[np.uint8]:
    """Return a picture of 8 or 16 bits, or a mask, as uint8 (H, W, 1|3), no side above ``side``.

    A mask becomes 255 where it is chosen.

    Areas are averaged; a picture that is small enough keeps its size. Rows are read in bands, so
    that a scan of any size needs little memory.
    """
    height, width, channels = raster.shape
    factor = min(1.0, side / max(height, width))
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    row_bytes = width * channels * raster.dtype.itemsize * height / rows
    step = max(1, int(_BAND_BYTES / row_bytes))
    small = np.empty((rows, columns, channels), np.uint8)
    for start in range(0, rows, step):
        end = min(rows, start + step)
        top, bottom = round(start * height / rows), round(end * height / rows)
        band = np.ascontiguousarray(raster.read(top, bottom, 0, width))
        if band.dtype == np.bool_:
            band = band.astype(np.uint8) * 255
        if factor < 1:
            band = cv2.resize(band, (columns, end - start), interpolation=cv2.INTER_AREA)
        small[start:end] = to_eight_bits(band).reshape(end - start, columns, channels)
    return small


def to_eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return samples of 8 or 16 bits as 8 bits, rounded."""
    if pixels.dtype == np.uint8:
        return pixels
    # 65535 / 255 = 257 exactly.
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def to_srgb(pixels: NDArray[np.uint8], icc: bytes | None) -> NDArray[np.uint8]:
    """Return pixels converted from their profile to sRGB, which a page assumes.

    A profile that cannot be read, or that is for other channels, is left out of account: a small
    picture in slightly wrong colours is better than none.
    """
    if not icc:
        return pixels
    grey = pixels.shape[2] == 1
    image = Image.fromarray(pixels[:, :, 0] if grey else pixels)
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        converted = ImageCms.profileToProfile(
            image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return pixels
    return pixels if converted is None else np.asarray(converted)


def jpeg_uri(pixels: NDArray[np.uint8], quality: int = _QUALITY) -> str:
    """Return (H, W, 1|3) pixels as a JPEG in a data URI."""
    stream = io.BytesIO()
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.save(stream, "JPEG", quality=quality, optimize=True, progressive=True)
    return _uri("image/jpeg", stream.getvalue())


def overlay_uri(cover: NDArray[np.uint8]) -> str:
    """Return a small mask (H, W) as a translucent overlay: a PNG in a data URI.

    ``cover`` says from 0 to 255 how much of a pixel the mask chose. The overlay is coloured
    accordingly, but never so weakly that a thin scratch disappears in the small picture.
    """
    share = cover.astype(np.float32) / 255
    strength = np.where(share > 0, np.clip(share * 3, 0.35, 1.0), 0.0)
    # Eight levels of transparency compress three times better than 256 and look the same.
    levels = np.rint(strength * 7).astype(np.uint8)
    image = Image.frombytes("P", (cover.shape[1], cover.shape[0]), levels.tobytes())
    image.putpalette(bytes(MASK_COLOUR) * 8)
    stream = io.BytesIO()
    alphas = bytes(round(MASK_OPACITY * level / 7) for level in range(8))
    image.save(stream, "PNG", transparency=alphas, optimize=True)
    return _uri("image/png", stream.getvalue())


def borrowed_uri(
    source: NDArray[np.int32], similarity: NDArray[np.float32], *, opacity: int = 200
) -> str:
    """Return from which reference each small pixel (H, W) borrowed as an overlay: a PNG.

    The colour says which reference, the opacity, up to ``opacity``, how similar it is; what
    borrowed nothing (source -1) is clear.
    """
    strength = np.rint(np.clip(similarity, 0, 1) * (_LEVELS - 1)).astype(np.int32)
    number = source % len(COLOURS)
    index = np.where(source < 0, 0, 1 + number * _LEVELS + strength).astype(np.uint8)
    image = Image.frombytes("P", (source.shape[1], source.shape[0]), index.tobytes())
    palette = [0, 0, 0, *(part for colour in COLOURS for part in colour * _LEVELS)]
    image.putpalette(palette)
    steps = [round(opacity * (n + 1) / _LEVELS) for n in range(_LEVELS)]
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=bytes([0, *steps * len(COLOURS)]), optimize=True)
    return _uri("image/png", stream.getvalue())


def confidence_uri(graded: NDArray[np.float32]) -> str:
    """Return a small graded map (H, W), 0..1, as an overlay from UNSURE to SURE: a PNG."""
    levels = np.rint(np.clip(graded, 0, 1) * (_GRADES - 1)).astype(np.uint8)
    image = Image.frombytes("P", (graded.shape[1], graded.shape[0]), levels.tobytes())
    shares = np.linspace(0, 1, _GRADES)[:, None]
    palette = np.array(UNSURE) * (1 - shares) + np.array(SURE) * shares
    image.putpalette(np.rint(palette).astype(np.uint8).tobytes())
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=bytes([GRADED_OPACITY] * _GRADES), optimize=True)
    return _uri("image/png", stream.getvalue())


def faces_uri(
    size: tuple[int, int],
    boxes: Sequence[tuple[int, int, int, int]],
    redrawn: Sequence[bool],
    change: NDArray[np.float32] | None,
) -> str:
    """Return faces as frames on a clear overlay of (height, width): a PNG.

    ``boxes`` are x0, y0, x1, y1. Those that were redrawn have the colour of invented content, and
    so has the picture as far as ``change`` (H, W), 0..1, says; others a white frame.
    """
    drawn = np.zeros((*size, 4), np.uint8)
    if change is not None:
        strength = np.where(change > 0, np.clip(change * 3, 0.25, 1), 0)
        drawn[:, :, :3] = REDRAWN
        drawn[:, :, 3] = np.rint(strength * REDRAWN_OPACITY)
    thick = max(2, max(size) // 320)
    for (x0, y0, x1, y1), new in zip(boxes, redrawn, strict=True):
        colour = (*(REDRAWN if new else _WHITE), 255)
        cv2.rectangle(drawn, (x0, y0), (x1, y1), (0, 0, 0, 150), thick + 2)
        cv2.rectangle(drawn, (x0, y0), (x1, y1), colour, thick)
    stream = io.BytesIO()
    Image.fromarray(drawn).save(stream, "PNG", optimize=True)
    return _uri("image/png", stream.getvalue())


def difference(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how much two small pictures differ, pixel by pixel, at the size of the first."""
    size = (before.shape[1], before.shape[0])
    second = cv2.resize(after.mean(axis=2, dtype=np.float32), size)
    changed: NDArray[np.float32] = np.abs(before.mean(axis=2, dtype=np.float32) - second)
    return changed


def busiest_corner(weight: NDArray[np.generic], factor: float) -> tuple[float, float]:
    """Return the top left corner (y, x) of the window that holds most of ``weight`` (H, W).

    The window's sides are ``factor`` times those of the whole; the corner is in shares of the
    whole, 0..1. Windows on a grid of a quarter of their size are tried: near the best, and cheap.
    """
    height, width = (max(1, round(length * factor)) for length in weight.shape)
    total = cv2.integral(weight.astype(np.float32))
    y, x = _stops(weight.shape[0], height)[:, None], _stops(weight.shape[1], width)[None, :]
    sums = total[y + height, x + width] - total[y, x + width] - total[y + height, x] + total[y, x]
    row, column = np.unravel_index(int(np.argmax(sums)), sums.shape)
    room = 1 - factor
    return (
        min(room, float(y[row, 0]) / weight.shape[0]),
        min(room, float(x[0, column]) / weight.shape[1]),
    )


def _stops(length: int, window: int) -> NDArray[np.intp]:
    last = length - window
    return np.unique(np.append(np.arange(0, last, max(1, window // 4)), last)).astype(np.intp)


def _uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
