"""Colour follows what moves, and nothing is carried over a cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist_colorization.lab import lab_of_rgb
from archivist_colorization.lightness import lightness_of
from archivist_colorization.recolour import recolour
from archivist_colorization.sequence import carried

SIZE = (96, 128)


def scene(shift: int = 0, seed: int = 1) -> NDArray[np.uint8]:
    """Return grey texture of some pixels, moved to the right."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (30, 50), np.uint8)
    wide = cv2.resize(coarse, (200, 120), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(wide[: SIZE[0], 40 - shift : 40 - shift + SIZE[1]])


def painted(light: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """Return the scene with red to the left of a column and blue to the right."""
    ab = np.zeros((*light.shape, 2), np.float32)
    ab[:, :edge], ab[:, edge:] = (30, 15), (5, -30)
    return recolour(light, ab)


def ab_of(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return lab_of_rgb(rgb.astype(np.float32) / np.float32(255))[..., 1:]


def test_a_still_scene_keeps_most_of_its_colour() -> None:
    light = scene()
    before = painted(light, 64)

    ab, share = carried(np.zeros((24, 32, 2), np.float32), light, before, 0.8)

    wanted = cv2.resize(ab_of(before), (32, 24), interpolation=cv2.INTER_AREA)
    assert np.allclose(share, 0.8, atol=0.05)
    assert np.allclose(ab, 0.8 * wanted, atol=1.5)


def test_colour_moves_with_the_scene() -> None:
    before = painted(scene(0), 60)

    ab, share = carried(np.zeros((24, 32, 2), np.float32), scene(8), before, 1.0)

    sure = share > 0.7
    red = ab[..., 0] > 15
    assert sure[:, 4:28].mean() > 0.8
    assert red[:, 4:16][sure[:, 4:16]].all()  # red moved from columns below 60 to below 68 px
    assert not red[:, 18:28][sure[:, 18:28]].any()


@pytest.mark.parametrize(("gain", "lift"), [(0.8, 0), (1.0, 30), (1.15, -20)])
def test_a_flicker_of_brightness_is_no_reason_to_doubt(gain: float, lift: int) -> None:
    light = scene()
    other = np.clip(gain * light + lift, 0, 255).astype(np.uint8)

    _, share = carried(np.zeros((24, 32, 2), np.float32), other, painted(light, 64), 0.8)

    assert share.mean() > 0.7


def test_nothing_is_carried_over_a_cut() -> None:
    own = np.full((24, 32, 2), 7.0, np.float32)

    ab, share = carried(own, scene(seed=2), painted(scene(seed=1), 64), 0.9)

    assert not share.any()
    assert np.array_equal(ab, own)


def test_what_becomes_visible_keeps_its_own_colour() -> None:
    light = scene()
    changed = light.copy()
    changed[30:60, 40:80] = 255 - changed[30:60, 40:80]
    own = np.full((24, 32, 2), 7.0, np.float32)

    _, share = carried(own, changed, painted(light, 64), 0.9)

    assert share[9:14, 12:18].mean() < 0.3
    assert share[:, :8].mean() > 0.7


def test_tiny_frames_are_taken() -> None:
    light = np.full((3, 5), 120, np.uint8)
    before = np.repeat(light[..., None], 3, axis=2)

    ab, _ = carried(np.zeros((4, 4, 2), np.float32), light, before, 0.5)

    assert ab.shape == (4, 4, 2)
    assert np.isfinite(ab).all()


def test_sixteen_bits_are_followed_as_well() -> None:
    light = scene().astype(np.uint16) * 257
    before = painted(scene(), 64).astype(np.uint16) * 257

    _, share = carried(np.zeros((24, 32, 2), np.float32), light, before, 0.8)

    assert np.allclose(share, 0.8, atol=0.05)
    assert lightness_of(before).dtype == np.uint16
