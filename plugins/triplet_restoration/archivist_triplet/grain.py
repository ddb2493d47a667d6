"""Grain for filled places: what surrounds them has some, and a smooth filling shows as a smear.

How strong it is, is told by what lies around each hole; how it hangs together (its autocovariance),
and whether the picture has any, by its calm places. Filled places get noise of that kind, less what
they have already. It is noise and no copy, so that no content is repeated.

Pixels are float32 (height, width, 3), values 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_torch.degrade import luma
from archivist_torch.seeding import generator
from archivist_triplet.compact import fill_smoothly

Pixels = NDArray[np.float32]
Region = NDArray[np.bool_]

PATCH = 24
"""Side, in pixels, of the squares on which grain is measured."""
MOST_PATCHES = 4000
"""More tell nothing more; a large picture is looked at in places."""
FINE = 2.5
"""What a Gaussian of this sigma (pixels) takes away counts as grain."""
CALM = 0.15
"""Share of the squares that count as calm: those of the least slope."""
AROUND = 8.0
"""Sigma, in pixels, of the surroundings that tell how strong grain is."""
ROOT = 0.822
"""Mean root of the amount of a normally distributed number of deviation 1. Roots are averaged, and
not squares, so that an edge beside a hole does not make it noisy."""
STRONGEST = 3.0
"""Grain is at most so many times as strong as in calm places: fleece and gravel are no grain."""
REACH = 6
"""Grain hangs together over so many pixels to each side."""
UNSEEN = 0.75 / 255
"""Deviation in calm places below which nobody sees grain: clean pictures get none."""
BAND = 512
"""Rows that are done at once, so that noise takes little memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Grain:
    """Deviation in calm places, 0..1, and the kernel that makes grain of white noise.

    The squares of the kernel's taps (2 * REACH + 1 along each side) sum to 1.
    """

    calm: float
    kernel: Pixels


def measured(pixels: Pixels, sound: Region) -> Grain | None:
    """Return the grain of the sound parts of a picture; None where nobody would see it.

    None too where no square of the picture is sound as a whole.
    """
    squares = _squares(pixels, sound)
    if not len(squares):
        return None
    smooth = np.stack([cv2.GaussianBlur(square, (0, 0), FINE) for square in squares])
    slope = sum(np.abs(np.diff(smooth, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2))
    calm = np.argsort(slope, kind="stable")[: max(1, round(CALM * len(squares)))]
    fine = (squares - smooth)[calm]
    deviation = float(np.median(fine.std(axis=(1, 2))))
    return None if deviation < UNSEEN else Grain(deviation, _kernel(fine))


def added(
    pixels: Pixels, mask: Region, inside: Pixels, grain: Grain, amount: float, seed: int
) -> Pixels:
    """Return pixels with grain where ``inside`` (height, width, 1), 0..1, says so.

    ``mask`` is what tells nothing of the grain around it. ``amount`` scales the grain. The same
    seed gives the same grain, equal in all channels. What a place has already is not added again.
    """
    out = pixels.copy()
    lacking = _lacking(luma(pixels), mask, grain)
    for number, top in enumerate(range(0, len(pixels), BAND)):
        rows = slice(top, top + BAND)
        if inside[rows].any():
            rng = generator("grain of filled places", seed, number)
            noise = rng.standard_normal(lacking[rows].shape, np.float32)
            noise = cv2.filter2D(noise, -1, grain.kernel, borderType=cv2.BORDER_REFLECT)
            out[rows] += inside[rows] * (np.float32(amount) * lacking[rows] * noise)[..., None]
    return np.clip(out, 0, 1)


def _squares(pixels: Pixels, sound: Region) -> Pixels:
    """Return the lightness of sound squares (n, PATCH, PATCH), from all over the picture."""
    height, width = sound.shape
    step = max(PATCH // 2, round(np.sqrt(height * width / MOST_PATCHES)))
    return np.array(
        [
            luma(pixels[top : top + PATCH, left : left + PATCH])
            for top in range(0, height - PATCH + 1, step)
            for left in range(0, width - PATCH + 1, step)
            if sound[top : top + PATCH, left : left + PATCH].all()
        ],
        np.float32,
    )


def _kernel(fine: Pixels) -> Pixels:
    """Return the kernel without phase that gives noise the mean spectrum of these squares."""
    window = np.hanning(PATCH + 2)[1:-1]
    weighted = fine * np.outer(window, window).astype(np.float32)
    scale = np.maximum(weighted.std(axis=(1, 2), keepdims=True), 1e-6)
    power = (np.abs(np.fft.rfft2(weighted / scale)) ** 2).mean(axis=0)
    whole = np.fft.fftshift(np.fft.irfft2(np.sqrt(power), (PATCH, PATCH)))
    taps = slice(PATCH // 2 - REACH, PATCH // 2 + REACH + 1)
    kernel = whole[taps, taps]
    return (kernel / np.sqrt(np.square(kernel).sum())).astype(np.float32)


def _lacking(lightness: Pixels, mask: Region, grain: Grain) -> Pixels:
    """Return the deviation of the grain that each place lacks beside its surroundings."""
    roots = np.sqrt(np.abs(lightness - cv2.GaussianBlur(lightness, (0, 0), FINE))) / ROOT
    near = _mean_around(_filled(roots, mask))
    wanted = np.minimum(np.square(near), STRONGEST * grain.calm)
    own = np.square(_mean_around(roots))
    return np.sqrt(np.maximum(np.square(wanted) - np.square(own), 0))


def _filled(values: Pixels, mask: Region) -> Pixels:
    """Return values with those under the mask told by those around it."""
    damage = torch.from_numpy(mask)[None, None]
    return fill_smoothly(torch.from_numpy(values)[None, None], damage)[0, 0].numpy()


def _mean_around(values: Pixels) -> Pixels:
    return cv2.GaussianBlur(values, (0, 0), AROUND)
