"""Tone: what of it belongs to the print, and how to keep it.

Pixels are float32 (height, width, 3), values 0..1, as encoded in the scan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archivist_torch.degrade import luma

Pixels = NDArray[np.float32]

BINS = 64
LOOKED_AT = 200_000
"""Pixels from which tone is judged; more tell nothing more."""
SPREAD = 0.025
"""Four pixels in five of a monochrome print lie this near to the hue of their lightness."""
LOST = 0.01
"""Share of pixels that may lose their tone in pure black or white."""
ENDS = (0.04, 0.97)
"""Lightness below and above which no detail is seen. Against 0.02 and 0.98 this costs 0.015 dB on
aged photographs, and in a print of 1915 a landscape stays to be seen where all was black."""
HELD = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)
"""Shares of the correction that are tried, one after the other."""
WARM = (0.02, 0.35)
"""Red minus blue, on average, of prints that faded to brown or were toned sepia; a sunset has
more."""


@dataclass(frozen=True, slots=True, eq=False)
class Toning:
    """The hue of a monochrome print: what each lightness adds to red, green and blue.

    ``offsets`` is float32 (BINS, 3). ``warm`` tells brown and yellow tones, which fading makes,
    from others, such as a cyanotype's blue.
    """

    offsets: Pixels
    warm: bool

    @property
    def neutral(self) -> bool:
        """Whether the print is plain grey."""
        return bool(np.abs(self.offsets).max() < 0.5 / 255)


def toning_of(pixels: Pixels) -> Toning | None:
    """Return the toning of a monochrome picture, None for one in colours."""
    seen = _some(pixels)
    offsets = _hue_by_lightness(luma(seen), seen)
    apart = np.abs(seen - luma(seen)[..., None] - _interpolated(offsets, luma(seen))).max(axis=-1)
    if np.quantile(apart, 0.8) > SPREAD:
        return None
    redder = float((seen[..., 0] - seen[..., 2]).mean())
    return Toning(offsets, WARM[0] <= redder <= WARM[1])


def toned_like(restored: Pixels, scan: Pixels) -> Pixels:
    """Return the lightness of a restored picture in the hues of its scan.

    Each lightness of the restored picture takes the mean hue of the pixels that have it.
    """
    offsets = _hue_by_lightness(luma(_some(restored)), _some(scan))
    grey = luma(restored)
    return np.clip(grey[..., None] + _interpolated(offsets, grey), 0, 1)


def tone_kept(restored: Pixels, scan: Pixels, sound: NDArray[np.bool_]) -> Pixels:
    """Return a restored picture whose brightness, contrast and cast are those of the scan.

    Each channel is scaled and shifted to fit the scan's sound pixels best (least squares).
    """
    chosen = _some(sound[..., None])[..., 0]
    if not chosen.any():
        return restored
    ours, theirs = _some(restored)[chosen], _some(scan)[chosen]
    varied = np.maximum(ours.var(axis=0), 1e-6)
    gain = ((ours - ours.mean(axis=0)) * (theirs - theirs.mean(axis=0))).mean(axis=0) / varied
    gain = np.clip(gain, 0.2, 5).astype(np.float32)
    return np.clip(gain * (restored - ours.mean(axis=0)) + theirs.mean(axis=0), 0, 1)


def held_back(target: Pixels, scan: Pixels) -> Pixels:
    """Return the target, drawn back towards the scan as far as it would lose shadows or lights.

    At most LOST of all pixels may come to lie in pure black or white which did not before; a dark
    print is otherwise taken for a faded one, and its shadows drown.
    """
    after, before = _some(target), _some(scan)
    allowed = _lost(before) + LOST
    for share in HELD:
        if _lost(before + np.float32(share) * (after - before)) <= allowed:
            break
    return target if share == 1 else scan + np.float32(share) * (target - scan)


def _lost(pixels: Pixels) -> float:
    """Return the share of pixels whose lightness is as good as black or white."""
    grey = luma(pixels)
    return float(((grey < ENDS[0]) | (grey > ENDS[1])).mean())


def neutral(pixels: Pixels) -> Pixels:
    """Return a picture of equal channels, of the same lightness."""
    return np.repeat(luma(pixels)[..., None], 3, axis=2)


def _some(pixels: NDArray) -> NDArray:  # type: ignore[type-arg]
    """Return a regular choice of pixels, (rows, columns, channels)."""
    step = max(1, int(np.sqrt(pixels.shape[0] * pixels.shape[1] / LOOKED_AT)))
    return pixels[::step, ::step]


def _hue_by_lightness(grey: Pixels, pixels: Pixels) -> Pixels:
    """Return the mean of pixels minus their lightness in each of BINS bins of ``grey``."""
    place = np.minimum((grey.ravel() * BINS).astype(np.int64), BINS - 1)
    apart = (pixels - luma(pixels)[..., None]).reshape(-1, 3)
    count = np.bincount(place, minlength=BINS)
    found = np.flatnonzero(count)
    means = [
        np.interp(
            np.arange(BINS),
            found,
            np.bincount(place, apart[:, channel], BINS)[found] / count[found],
        )
        for channel in range(3)
    ]
    smooth = np.ones(5) / 5
    padded = [np.convolve(np.pad(mean, 2, mode="edge"), smooth, "valid") for mean in means]
    return np.stack(padded, axis=1).astype(np.float32)


def _interpolated(offsets: Pixels, grey: Pixels) -> Pixels:
    places = (np.arange(BINS) + 0.5) / BINS
    found = np.empty((*grey.shape, 3), np.float32)
    for channel in range(3):  # np.interp answers in float64: one channel at a time saves memory
        found[..., channel] = np.interp(grey, places, offsets[:, channel])
    return found
