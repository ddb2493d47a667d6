"""Monochrome prints are told from colours, and their tone is kept or not, as asked."""

from __future__ import annotations

import numpy as np
import pytest

from archivist_torch.degrade import luma
from archivist_triplet.tone import held_back, neutral, tone_kept, toned_like, toning_of

SEPIA = np.array([1.06, 0.99, 0.84], np.float32)
CYANOTYPE = np.array([0.75, 1.02, 1.2], np.float32)


def grey(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    field = rng.random((90, 120, 1), dtype=np.float32) * 0.2
    field += np.linspace(0.1, 0.6, 120, dtype=np.float32)[None, :, None]
    return np.repeat(field, 3, axis=2)


def test_a_sepia_print_is_monochrome_and_warm() -> None:
    toning = toning_of(np.clip(grey() * SEPIA, 0, 1))

    assert toning is not None
    assert toning.warm
    assert not toning.neutral


def test_a_cyanotype_is_monochrome_and_not_warm() -> None:
    toning = toning_of(np.clip(grey() * CYANOTYPE, 0, 1))

    assert toning is not None
    assert not toning.warm


def test_grey_is_neutral() -> None:
    toning = toning_of(grey())

    assert toning is not None
    assert toning.neutral


def test_a_picture_in_colours_has_no_toning() -> None:
    rng = np.random.default_rng(1)

    assert toning_of(rng.random((60, 60, 3), dtype=np.float32)) is None


def test_a_restored_print_takes_the_hues_of_its_scan() -> None:
    scan = np.clip(grey() * 0.6 * SEPIA + 0.1, 0, 1).astype(np.float32)
    restored = grey()

    toned = toned_like(restored, scan)

    assert abs(luma(toned) - luma(restored)).max() < 0.02
    hue = (scan[..., 0] - scan[..., 2]).mean()
    assert (toned[..., 0] - toned[..., 2]).mean() == pytest.approx(hue, abs=0.01)


def test_tone_that_is_kept_has_the_scans_mean_and_contrast() -> None:
    scan = (0.3 + 0.4 * grey()).astype(np.float32)
    kept = tone_kept(grey(), scan, np.ones((90, 120), np.bool_))

    assert abs(kept - scan).max() < 1e-3


def test_tone_is_judged_by_sound_pixels_alone() -> None:
    scan = (0.3 + 0.4 * grey()).astype(np.float32)
    sound = np.ones((90, 120), np.bool_)
    sound[:, :60] = False
    scan[:, :60] = 1.0

    kept = tone_kept(grey(), scan, sound)

    assert abs(kept - (0.3 + 0.4 * grey())).max() < 1e-3


def test_one_pixel_has_a_tone_too() -> None:
    pixel = np.full((1, 1, 3), 0.5, np.float32)

    assert toning_of(pixel) is not None
    assert np.isfinite(tone_kept(pixel, pixel, np.ones((1, 1), np.bool_))).all()
    assert np.allclose(neutral(pixel), pixel)


def test_shadows_that_would_drown_are_held_back() -> None:
    scan = (0.15 + 0.5 * grey()).astype(np.float32)
    target = np.clip(3 * (scan - 0.3), 0, 1).astype(np.float32)

    held = held_back(target, scan)

    assert (target < 0.02).mean() > 0.1
    assert (held < 0.02).mean() <= 0.01
    assert held.std() > scan.std()


def test_a_restored_print_that_loses_nothing_is_not_held_back() -> None:
    scan = (0.3 + 0.2 * grey()).astype(np.float32)

    assert np.array_equal(held_back(grey(), scan), grey())
