"""Give a face the tones of another picture of it, channel by channel, at any depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def match_tones(face: Floats, like: Floats, chosen: NDArray[np.bool_] | None = None) -> Floats:
    """Return ``face`` (h, w, channels) with the histogram of ``like``, channel by channel.

    Values are ranked and replaced by those of equal rank, interpolated, so that 16 bits are kept
    and equal values stay equal. ``chosen`` (h, w) says which pixels are counted; by default all.
    Raises ValueError when shapes differ.
    """
    if face.shape != like.shape:
        raise ValueError(f"the face is {face.shape}, its model {like.shape}; give one shape")
    result = np.empty_like(face)
    counted = np.ones(face.shape[:2], bool) if chosen is None else chosen
    for channel in range(face.shape[2]):
        values, tones = face[..., channel], np.sort(like[..., channel][counted])
        own = np.sort(values[counted])
        result[..., channel] = _ranked(values, own, tones) if own.size else values
    return result


def _ranked(values: Floats, own: Floats, tones: Floats) -> Floats:
    """Replace values by the tones of their mean rank among ``own``; both lists are sorted."""
    low, high = np.searchsorted(own, values, "left"), np.searchsorted(own, values, "right")
    rank = np.maximum((low + high - 1) / 2, 0)
    return np.interp(rank, np.arange(len(tones)), tones).astype(np.float32)
