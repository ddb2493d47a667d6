"""Small pictures for a page: arrays in, data URIs out."""

from __future__ import annotations

import base64
import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

MASK_COLOUR = (255, 45, 125)
"""A red-violet that neither silver prints nor faded colour prints contain."""
MASK_OPACITY = 165
_QUALITY = 80


def reduce(pixels: Pixels, side: int) -> NDArray[np.uint8]:
    """Return (H, W, 1|3) pixels of 8 or 16 bits as uint8 with no side longer than ``side``.

    Areas are averaged; a picture that is small enough keeps its size.
    """
    height, width = pixels.shape[:2]
    factor = min(1.0, side / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = pixels if factor == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return to_eight_bits(small.reshape(size[1], size[0], -1))


def to_eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """Return 8 or 16 bit samples as 8 bits, rounded."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
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


def mask_uri(mask: NDArray[np.bool_], side: int) -> str:
    """Return a mask (H, W) as a translucent overlay of at most ``side`` pixels: a PNG data URI.

    A pixel of the overlay is coloured as strongly as the mask covers it, but never so weakly that
    a thin scratch disappears when the picture is made small.
    """
    height, width = mask.shape
    factor = min(1.0, side / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    cover = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    strength = np.where(cover > 0, np.clip(cover * 3, 0.35, 1.0), 0.0)
    # Eight levels of transparency compress three times better than 256 and look the same.
    levels = np.rint(strength * 7).astype(np.uint8)
    image = Image.fromarray(levels).convert("P")
    image.putdata(levels.ravel().tolist())
    image.putpalette(bytes(MASK_COLOUR) * 8)
    stream = io.BytesIO()
    alphas = bytes(round(MASK_OPACITY * level / 7) for level in range(8))
    image.save(stream, "PNG", transparency=alphas, optimize=True)
    return _uri("image/png", stream.getvalue())


def difference(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how much two small pictures differ, pixel by pixel, at the size of the first."""
    size = (before.shape[1], before.shape[0])
    second = cv2.resize(after.mean(axis=2, dtype=np.float32), size)
    return np.abs(before.mean(axis=2, dtype=np.float32) - second)


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
