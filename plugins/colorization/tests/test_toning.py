"""Grey and toned photographs are told from colour ones, faded and muted as these may be."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist_colorization.toning import assess

Floats = NDArray[np.float32]
SEPIA = np.array([1.07, 0.99, 0.82], np.float32)
SELENIUM = np.array([0.99, 0.97, 1.03], np.float32)


def light(seed: int = 1) -> Floats:
    """Return lightness (180, 240), 0..1, with soft forms and texture."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((9, 12), np.float32)
    wide = cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_CUBIC)
    return np.clip(wide + rng.normal(0, 0.03, wide.shape).astype(np.float32), 0, 1)


def toned(tone: Floats) -> Floats:
    return light()[..., None] * tone


def coloured(strength: float = 1.0) -> Floats:
    """Return a picture with a blue upper part, a green lower part, and red things."""
    lab = np.zeros((180, 240, 3), np.float32)
    lab[..., 0] = 20 + 65 * light()
    lab[:90, :, 1:], lab[90:, :, 1:], lab[110:150, 60:110, 1:] = (-4, -28), (-24, 24), (45, 30)
    lab[..., 1:] *= strength
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1)


def stained(print_: Floats) -> Floats:
    """Return a print that is browner and darker in places."""
    place = cv2.resize(np.random.default_rng(4).random((3, 4), np.float32), (240, 180))
    brown = np.array([0.9, 0.78, 0.6], np.float32)
    return print_ * (1 - place[..., None] * (1 - brown))


def as_bytes(pixels: Floats) -> NDArray[np.uint8]:
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("tone", [SEPIA, SELENIUM, np.ones(3, np.float32)])
def test_toned_and_grey_prints_have_no_colour(tone: Floats) -> None:
    assert not assess(as_bytes(toned(tone))).coloured


def test_one_channel_is_grey() -> None:
    found = assess(as_bytes(light()))

    assert found.grey
    assert not found.coloured


def test_equal_channels_are_grey_and_sepia_is_not() -> None:
    assert assess(as_bytes(toned(np.ones(3, np.float32)))).grey
    assert not assess(as_bytes(toned(SEPIA))).grey


def test_a_stained_print_has_no_colour() -> None:
    assert not assess(as_bytes(stained(toned(SEPIA)))).coloured


def test_a_print_whose_shadows_are_toned_otherwise_than_its_lights_has_no_colour() -> None:
    grey = light()[..., None]
    split = grey * (1 + (1 - grey) * np.array([0.25, 0.05, -0.2], np.float32))

    assert not assess(as_bytes(split)).coloured


@pytest.mark.parametrize("strength", [1.0, 0.5, 0.3])
def test_colour_is_seen_even_when_muted(strength: float) -> None:
    assert assess(as_bytes(coloured(strength))).coloured


def test_a_faded_colour_print_is_in_colour() -> None:
    faded = (0.2 + 0.65 * coloured(0.5)) * np.array([1.0, 0.9, 0.72], np.float32)

    assert assess(as_bytes(faded)).coloured


def test_a_small_thing_in_colour_is_enough() -> None:
    picture = toned(np.ones(3, np.float32))
    picture[80:100, 100:130] = (0.9, 0.3, 0.1)

    assert assess(as_bytes(picture)).coloured


@pytest.mark.parametrize("hue", [(0.5, 1.0, 0.3), (1.0, 0.25, 0.3)])
def test_one_strong_hue_that_no_print_has_is_colour(hue: tuple[float, ...]) -> None:
    assert assess(as_bytes(toned(np.array(hue, np.float32)))).coloured


def test_a_cyanotype_has_no_colour() -> None:
    blue = np.array([0.1, 0.25, 0.45], np.float32)
    paper = np.array([0.93, 0.95, 0.94], np.float32)

    assert not assess(as_bytes(blue + light()[..., None] * (paper - blue))).coloured


def test_depth_makes_no_difference() -> None:
    picture = as_bytes(coloured(0.4))
    eight, sixteen = assess(picture), assess(picture.astype(np.uint16) * 257)

    assert sixteen.variety == pytest.approx(eight.variety, abs=0.01)
    assert sixteen.tint == pytest.approx(eight.tint, abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (700, 2)])
def test_thin_pictures_are_measured(size: tuple[int, int]) -> None:
    found = assess(np.full((*size, 3), 90, np.uint8))

    assert found.grey
