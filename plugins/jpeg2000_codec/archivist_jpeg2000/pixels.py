"""From stored samples to pixels in 0..1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist_jpeg2000 import refuse
from archivist_jpeg2000.palette import Palette

Pixels = NDArray[np.float32]

ROWS = 256
"""Rows converted at a time, so that what is made on the way stays small beside the picture."""


def scaled(samples: NDArray[Any], channels: Sequence[int], bits: int) -> Pixels:
    """Return samples (height, width, n) of so many bits as pixels, the channels in this order.

    Each is divided by the largest value and rounded correctly, so that 8 and 16 bits come back.
    """
    taken = samples if list(channels) == list(range(samples.shape[2])) else samples[..., channels]
    pixels = taken.astype(np.float32, order="C")
    pixels /= np.float32((1 << bits) - 1)
    return pixels


def look_up(samples: NDArray[Any], palette: Palette, channels: Sequence[int]) -> Pixels:
    """Return the colours that a palette has for indices (height, width, n). Raises SourceError."""
    pixels = np.empty((*samples.shape[:2], len(channels)), np.float32)
    for place, channel in enumerate(channels):
        column = palette.columns[channel]
        indices = samples[..., column.component]
        if int(indices.max()) >= len(column.samples):
            raise refuse.damaged(f"it uses colours beyond the {len(column.samples)} of its palette")
        table = np.array(column.samples, np.float32) / np.float32((1 << column.bits) - 1)
        pixels[..., place] = table[indices]
    return pixels


def sycc_to_rgb(pixels: Pixels, bits: int) -> Pixels:
    """Return sYCC (height, width, 3) as sRGB, clipped to 0..1, in place.

    By IEC 61966-2-1, amendment 1, Annex F. Chroma is zero at half of the range: at 128 of 255.
    """
    zero = np.float32((1 << (bits - 1)) / ((1 << bits) - 1))
    for start in range(0, pixels.shape[0], ROWS):
        band = pixels[start : start + ROWS]
        luma, blue, red = band[..., 0].copy(), band[..., 1] - zero, band[..., 2] - zero
        band[..., 0] = luma + 1.402 * red
        band[..., 1] = luma - 0.344136 * blue - 0.714136 * red
        band[..., 2] = luma + 1.772 * blue
        np.clip(band, 0, 1, out=band)
    return pixels
