"""What time does to a photographic print, as small functions that can be chained.

A *degradation* takes pixels (float32, (height, width) or (height, width, 3), values 0..1) and a
random generator, and returns new pixels of the same shape and range. The functions below make
degradations; the arguments are ranges from which each call draws.

The released code of "Bringing Old Photos Back to Life" blurs, adds noise, shrinks and compresses,
and knows no fading, toning or grain; the paper names them. Here they are all present, with milder
ranges, because the prints of a real archive are mostly sharper than that code's samples.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Degradation = Callable[[Pixels, np.random.Generator], Pixels]
Range = tuple[float, float]

SEPIA = np.array([1.07, 0.99, 0.82], np.float32)
"""Gain of red, green and blue of a fully toned print."""


def nothing(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Leave the pixels alone."""
    return pixels


def sometimes(probability: float, degradation: Degradation) -> Degradation:
    """Apply a degradation with the given probability."""

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return degradation(pixels, rng) if rng.random() < probability else pixels

    return apply


def in_turn(*degradations: Degradation) -> Degradation:
    """Apply degradations one after the other."""

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        for degradation in degradations:
            pixels = degradation(pixels, rng)
        return pixels

    return apply


def shuffled(*degradations: Degradation) -> Degradation:
    """Apply degradations in a random order, as the paper does."""

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        order = rng.permutation(len(degradations))
        return in_turn(*(degradations[i] for i in order))(pixels, rng)

    return apply


def blur(sigma: Range = (0.3, 1.5)) -> Degradation:
    """Gaussian blur; ``sigma`` in pixels."""

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return _f32(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(*sigma)))

    return apply


def noise(sigma: Range = (0.004, 0.05)) -> Degradation:
    """Gaussian noise, independent for each pixel; ``sigma`` as a share of white."""

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        level = np.float32(rng.uniform(*sigma))
        return _clip(pixels + level * rng.standard_normal(pixels.shape, np.float32))

    return apply


def grain(sigma: Range = (0.01, 0.06), size: Range = (0.6, 1.6)) -> Degradation:
    """Film grain: blurred noise, the same in all channels, strongest in the mid-tones.

    ``size`` is the sigma of the blur in pixels; ``sigma`` the strength after it.
    """

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        field = rng.standard_normal(pixels.shape[:2], np.float32)
        field = cv2.GaussianBlur(field, (0, 0), rng.uniform(*size))
        field *= np.float32(rng.uniform(*sigma)) / max(float(field.std()), 1e-6)
        field = field if pixels.ndim == 2 else field[..., None]
        midtones = 4 * pixels * (1 - pixels)
        return _clip(pixels + field * (0.3 + 0.7 * midtones))

    return apply


def fade(
    black: Range = (0.0, 0.3), white: Range = (0.7, 1.0), gamma: Range = (0.7, 1.4)
) -> Degradation:
    """Lost contrast: blacks rise to ``black``, whites sink to ``white``, mid-tones shift."""

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        low, high = rng.uniform(*black), rng.uniform(*white)
        curved = np.power(np.maximum(pixels, 0), np.float32(rng.uniform(*gamma)))
        return _clip(low + (high - low) * curved)

    return apply


def uneven(strength: Range = (0.1, 0.4)) -> Degradation:
    """Uneven fading: a smooth field lightens or darkens parts of the print."""

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        field = smooth_field(pixels.shape[:2], 3, rng) * np.float32(rng.uniform(*strength))
        target = np.float32(rng.choice([0.15, 0.9]))
        field = field if pixels.ndim == 2 else field[..., None]
        return _clip(pixels + field * (target - pixels))

    return apply


def tone(strength: Range = (0.3, 1.0)) -> Degradation:
    """Make a colour picture grey, then tone it towards sepia; grey pictures pass unchanged."""

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        if pixels.ndim == 2:
            return pixels
        share = np.float32(rng.uniform(*strength))
        return _clip(luma(pixels)[..., None] * (1 + share * (SEPIA - 1)))

    return apply


def low_resolution(factor: Range = (1.2, 2.5)) -> Degradation:
    """Shrink by ``factor`` and enlarge again: an old small scan."""

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        by = rng.uniform(*factor)
        small = (max(1, round(width / by)), max(1, round(height / by)))
        shrunk = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
        how = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        return _clip(cv2.resize(shrunk, (width, height), interpolation=how))

    return apply


def jpeg(quality: Range = (40, 98)) -> Degradation:
    """Compress and decompress as JPEG; the result has 8 bits."""

    def apply(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        setting = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(*quality))]
        # Red and blue change places on both ways, which only moves the chroma weights a little.
        data = cv2.imencode(".jpg", np.rint(pixels * 255).astype(np.uint8), setting)[1]
        return _f32(cv2.imdecode(data, cv2.IMREAD_UNCHANGED)) / np.float32(255)

    return apply


def old_print() -> Degradation:
    """Return the usual ageing of a print before it is damaged: soft, grainy, faded, toned."""
    return in_turn(
        sometimes(0.3, tone()),
        shuffled(
            sometimes(0.35, blur()),
            sometimes(0.25, low_resolution()),
            sometimes(0.4, grain()),
            sometimes(0.3, noise()),
            sometimes(0.45, fade()),
            sometimes(0.2, uneven()),
        ),
    )


def scan() -> Degradation:
    """Return what digitisation adds last, over the damage: slight blur, noise, compression."""
    return in_turn(
        sometimes(0.3, blur((0.3, 0.7))),
        sometimes(0.3, noise((0.002, 0.015))),
        sometimes(0.5, jpeg()),
    )


def smooth_field(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> Pixels:
    """Return a smooth random field of this shape, values 0..1, about ``cells`` hills a side."""
    coarse = rng.random((cells + 1, cells + 1), np.float32)
    field = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return _clip(field)


def luma(pixels: Pixels) -> Pixels:
    """Return the lightness (height, width) of RGB pixels, by the weights of BT.601 (Pillow's L)."""
    if pixels.ndim == 2:
        return pixels
    return _f32(pixels @ np.array([0.299, 0.587, 0.114], np.float32))


def _clip(pixels: NDArray[np.floating]) -> Pixels:
    return _f32(np.clip(pixels, 0, 1))


def _f32(pixels: NDArray[np.generic]) -> Pixels:
    return np.asarray(pixels, np.float32)
