"""What can be measured of the condition of a photograph, without knowing what it shows.

Everything but the blocks of JPEG is measured on a copy of at most LONGEST px, which is what the
eye sees of a picture on a screen: so a scan is judged alike at 300 and at 1200 dpi, and the grain
that only a magnifier shows is no fault.

Pixels are float32 (height, width, 1 or 3), values 0..1, as encoded in the scan.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_torch.degrade import luma

Pixels = NDArray[np.float32]
Measures = dict[str, float]

LONGEST = 512
"""Longer side of the copy in pixels; the pictures that the judge learnt from have it too."""
BINS = 32
"""Steps of lightness for each of which a monochrome print has one hue."""
WINDOW = 16
"""Side in pixels of the windows in which noise and specks are looked for."""
CROP = 256
"""Side in pixels of the three crops of the scan itself in which blocks are looked for."""
NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""Blind to slopes and upright edges; gives white noise its own sigma (Immerkaer 1996)."""
FLOOR = 1e-3
"""Added before logarithms: a quarter of a step of 8 bits."""


def measure(pixels: Pixels) -> Measures:
    """Return the measures of a picture of any size, each a finite number."""
    copy = reduced(pixels)
    grey = luma(copy) if copy.shape[2] == 3 else copy[..., 0]
    grey = np.ascontiguousarray(grey)
    found: dict[str, float] = {}
    for part in (
        _tones(copy, grey),
        _colours(copy, grey),
        _noise(grey),
        _specks(grey),
        _sharpness(grey),
        _evenness(grey),
        {"blockiness": blockiness(pixels)},
    ):
        found.update(part)
    return found


def reduced(pixels: Pixels) -> Pixels:
    """Return a copy whose longer side has at most LONGEST px, (height, width, channels)."""
    height, width = pixels.shape[:2]
    shrink = LONGEST / max(height, width)
    if shrink >= 1:
        return pixels
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    copy = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return copy.reshape(size[1], size[0], pixels.shape[2])


def _tones(copy: Pixels, grey: Pixels) -> Measures:
    """Measure the ends of the tones: of lightness, and of each channel by itself."""
    low, dark, middle, light, high = np.quantile(grey, (0.01, 0.1, 0.5, 0.9, 0.99)).tolist()
    ends = np.quantile(copy.reshape(-1, copy.shape[2]), (0.002, 0.998), axis=0)
    return {
        "black_point": low,
        "white_point": high,
        "contrast_range": high - low,
        "inner_range": light - dark,
        "middle": middle,
        "channel_black": float(ends[0].max()),
        "deepest_black": float(ends[0].min()),
        "channel_white": float(ends[1].min()),
        "brightest_white": float(ends[1].max()),
        "clipped_black": _log(float((grey <= 0.01).mean())),
        "clipped_white": _log(float((grey >= 0.99).mean())),
    }


def _colours(copy: Pixels, grey: Pixels) -> Measures:
    """Measure casts (red minus blue, green minus both) and how far hue follows from lightness."""
    if copy.shape[2] == 1:
        copy = np.broadcast_to(copy, (*grey.shape, 3))
    warm = copy[..., 0] - copy[..., 2]
    green = copy[..., 1] - (copy[..., 0] + copy[..., 2]) / 2
    place = np.minimum((grey * BINS).astype(np.int32), BINS - 1).ravel()
    count = np.maximum(np.bincount(place, minlength=BINS), 1)
    apart = np.zeros(grey.size, np.float32)
    tint = 0.0
    for opponent in (warm, green):
        hue = (np.bincount(place, opponent.ravel(), BINS) / count).astype(np.float32)
        apart = np.maximum(apart, np.abs(opponent.ravel() - hue[place]))
        tint = float(np.hypot(tint, np.sqrt(np.mean(np.square(hue[place])))))
    beyond = float(np.quantile(apart, 0.8))
    first, second = np.quantile(grey, (0.3, 0.7))
    parts = grey <= first, (grey >= first) & (grey <= second), grey >= second
    return {
        "cast_darks": float(warm[parts[0]].mean()),
        "cast_middle": float(warm[parts[1]].mean()),
        "cast_lights": float(warm[parts[2]].mean()),
        "green_darks": float(green[parts[0]].mean()),
        "green_lights": float(green[parts[2]].mean()),
        "tint": _log(tint),
        "colourfulness": _log(float(np.hypot(warm.std(), green.std()))),
        "beyond_tint": _log(beyond),
        "monochrome_tint": tint * max(0.0, 1 - beyond / 0.05),
        "colour_noise": _log(_noise_floor(np.ascontiguousarray(warm), grey)[1]),
    }


def _noise(grey: Pixels) -> Measures:
    """Measure noise at full, half and quarter size of the copy: noise, fine and coarse grain."""
    found: Measures = {}
    for name in ("noise", "grain", "coarse_grain"):
        least, usual, most, even = _noise_floor(grey, grey)
        found |= {f"least_{name}": _log(least), name: _log(usual), f"most_{name}": _log(most)}
        found[f"even_{name}"] = even
        grey = _halved(grey)
    return found


def _specks(grey: Pixels) -> Measures:
    """Measure single pixels that stand out, and what stands out in the calmer windows."""
    apart = np.abs(grey - cv2.medianBlur(grey, 3))
    found = {"outliers": _log(float((apart > 0.1).mean()))}
    square = np.ones((7, 7), np.uint8)
    for name, shape in (("light_specks", cv2.MORPH_TOPHAT), ("dark_specks", cv2.MORPH_BLACKHAT)):
        hat = _windows(cv2.morphologyEx(grey, shape, square))
        peak, usual = hat.max(axis=1), np.median(hat, axis=1)
        calm = usual <= np.quantile(usual, 0.5)
        found[name] = _log(float(np.quantile(peak[calm] - usual[calm], 0.9)))
    return found


def _noise_floor(plane: Pixels, grey: Pixels) -> tuple[float, float, float, float]:
    """Return the noise sigma of the calmest windows, of calm ones, and of the median window.

    Noise and grain are everywhere and bring the three together; detail keeps them apart. The fourth
    number says how like a normal distribution calm windows are: 0.64 of noise, less of detail.
    Windows at black or white, where nothing shows, are left out.
    """
    if min(plane.shape) < 3:
        return 0.0, 0.0, 0.0, 0.0
    response = cv2.filter2D(plane, -1, NOISE_KERNEL, borderType=cv2.BORDER_REFLECT_101)
    found = _windows(response)
    sigma = np.sqrt(np.mean(found * found, axis=1))
    even = np.mean(np.abs(found), axis=1) / (sigma + np.float32(1e-6))
    lightness = _windows(grey).mean(axis=1)
    shown = (lightness > 0.03) & (lightness < 0.97)
    if shown.any():
        sigma, even = sigma[shown], even[shown]
    least, usual, most = np.quantile(sigma, (0.03, 0.2, 0.6)).tolist()
    return least, usual, most, float(np.median(even[sigma <= usual]) ** 2)


def _windows(plane: Pixels) -> Pixels:
    """Return the full windows of a plane as rows; of a tiny plane, all of it as one row."""
    rows, columns = (side // WINDOW for side in plane.shape)
    if rows == 0 or columns == 0:
        return plane.reshape(1, -1)
    cut = plane[: rows * WINDOW, : columns * WINDOW].reshape(rows, WINDOW, columns, WINDOW)
    return cut.transpose(0, 2, 1, 3).reshape(rows * columns, -1)


def _sharpness(grey: Pixels) -> Measures:
    """Measure how steep the steepest edges are, and how energy falls from octave to octave."""
    fine, soft = (_slope(cv2.GaussianBlur(grey, (0, 0), sigma)) for sigma in (0.6, 2.0))
    edges = soft >= np.quantile(soft, 0.98)
    steep = cv2.dilate(fine, np.ones((3, 3), np.uint8))[edges] / (soft[edges] + FLOOR)
    energies, small = [], grey
    for _ in range(4):
        energies.append(_log(float((small - cv2.GaussianBlur(small, (0, 0), 1.0)).std())))
        small = _halved(small)
    return {
        "edge_steepness": float(np.median(steep)),
        "fine_detail": energies[0] - energies[1],
        "middle_detail": energies[1] - energies[2],
        "broad_detail": energies[2] - energies[3],
        "detail": energies[0],
    }


def _slope(grey: Pixels) -> Pixels:
    x, y = (cv2.Sobel(grey, cv2.CV_32F, *order, scale=0.125) for order in ((1, 0), (0, 1)))
    return cv2.magnitude(x, y)


def _evenness(grey: Pixels) -> Measures:
    """Measure how blacks and whites differ over a grid of 5 x 5 regions."""
    rows, columns = (np.array_split(np.arange(side), min(5, side)) for side in grey.shape)
    ends = np.array(
        [
            np.quantile(grey[r[0] : r[-1] + 1, c[0] : c[-1] + 1], (0.02, 0.98))
            for r in rows
            for c in columns
        ]
    )
    black, white = ends.T
    return {
        "local_range": float(np.median(white - black)),
        "veil": float(np.quantile(black, 0.2)),
        "uneven_blacks": float(black.std()),
        "uneven_whites": float(white.std()),
        "dull_whites": float(np.quantile(white, 0.8)),
    }


def blockiness(pixels: Pixels) -> float:
    """Return how much steeper than others the steps across the 8 px grid of JPEG are, 0: not.

    Looked for at the scan's own size, in three crops along its diagonal.
    """
    height, width = pixels.shape[:2]
    ratios = []
    for part in (0.25, 0.5, 0.75):
        top, left = (int(part * max(0, side - CROP)) for side in (height, width))
        crop = pixels[top : top + CROP, left : left + CROP]
        grey = luma(crop) if crop.shape[2] == 3 else crop[..., 0]
        ratios += [_grid(grey), _grid(grey.T)]
    return float(np.median(ratios))


def _grid(grey: Pixels) -> float:
    """Return how far the steps at the strongest of eight phases exceed those at the others."""
    if min(grey.shape) < 32:
        return 0.0
    step = np.abs(np.diff(grey, axis=1))
    around = (step[:, :-2] + step[:, 2:]) / 2
    excess = np.minimum(step[:, 1:-1] - around, np.float32(0.1)).mean(axis=0)
    phases = np.array([excess[phase::8].mean() for phase in range(8)])
    return float((phases.max() - np.median(phases)) / (around.mean() + FLOOR))


def _halved(grey: Pixels) -> Pixels:
    size = (max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def _log(value: float) -> float:
    return float(np.log(value + FLOOR))
