"""Filled places are given the grain of their surroundings, and clean pictures get none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from archivist_triplet import compose, grain
from archivist_triplet.inference import Restored
from archivist_triplet.params import RestoreParams

SIDE = 160


def grainy(sigma: float, *, blur: float = 0.0, seed: int = 3) -> np.ndarray:
    """Return a soft picture with grain of a deviation, coarser with ``blur``."""
    noise = np.random.default_rng(seed).standard_normal((SIDE, SIDE)).astype(np.float32)
    if blur:
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
    slope = np.linspace(0.4, 0.6, SIDE, dtype=np.float32)
    return np.repeat((slope + noise / noise.std() * np.float32(sigma))[..., None], 3, axis=2)


def hole() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[60:92, 50:110] = True
    return mask


def filled(sigma: float, *, blur: float = 0.0, seed: int = 1, **chosen: object) -> np.ndarray:
    """Return a grainy picture whose hole was filled without grain, restored under its mask."""
    scan = grainy(sigma, blur=blur)
    soft = Restored(grainy(0.0), scan)
    return compose.masked(scan, soft, hole(), RestoreParams(**chosen), seed)


def fine(pixels: np.ndarray) -> np.ndarray:
    return (pixels - cv2.GaussianBlur(pixels, (0, 0), grain.FINE))[..., 0]


def test_a_filling_is_as_grainy_as_what_surrounds_it() -> None:
    out = fine(filled(0.04))

    assert out[66:86, 56:104].std() == pytest.approx(out[:50].std(), rel=0.2)


def test_without_it_the_filling_stays_smooth() -> None:
    out = fine(filled(0.04, filled_grain=0.0))

    assert out[66:86, 56:104].std() < 0.2 * out[:50].std()


@pytest.mark.parametrize("blur", [0.0, 1.2])
def test_grain_hangs_together_as_around_it(blur: float) -> None:
    out = fine(filled(0.04, blur=blur))

    inside, outside = (
        np.corrcoef(part[:, 1:].ravel(), part[:, :-1].ravel())[0, 1]
        for part in (out[66:86, 56:104], out[:50])
    )
    assert inside == pytest.approx(outside, abs=0.12)


def test_a_clean_picture_gets_none() -> None:
    assert grain.measured(grainy(0.0005), ~hole()) is None
    assert np.array_equal(filled(0.0005), filled(0.0005, filled_grain=0.0))


def test_the_same_seed_gives_the_same_grain_and_another_seed_another() -> None:
    assert np.array_equal(filled(0.04, seed=5), filled(0.04, seed=5))
    assert not np.array_equal(filled(0.04, seed=5), filled(0.04, seed=6))


def test_grain_of_a_grey_picture_is_grey() -> None:
    assert np.ptp(filled(0.04), axis=2).max() < 1e-6


def test_an_edge_beside_a_hole_does_not_make_it_noisy() -> None:
    calm, edged = grainy(0.02), grainy(0.02)
    edged[:, 112:] -= 0.35
    out = [
        fine(compose.masked(scan, Restored(grainy(0.0), scan), hole(), RestoreParams(), 1))
        for scan in (calm, edged)
    ]

    assert out[1][66:86, 60:90].std() < 1.5 * out[0][66:86, 60:90].std()


def test_pictures_without_a_sound_square_get_none() -> None:
    assert grain.measured(grainy(0.04)[:20, :20], np.ones((20, 20), np.bool_)) is None
    assert grain.measured(grainy(0.04), np.zeros((SIDE, SIDE), np.bool_)) is None
