"""Lab is that of the paper's training, and goes back to the same pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from archivist_colorization.lab import lab_of_rgb, rgb_of_lab


def colours() -> np.ndarray:
    return np.random.default_rng(0).random((40, 30, 3))


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((1, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 1, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
    ],
)
def test_primaries_have_their_published_lab(rgb: tuple, lab: tuple) -> None:
    assert lab_of_rgb(np.array(rgb, np.float64)) == pytest.approx(lab, abs=0.03)


def test_lab_is_near_the_approximation_of_opencv() -> None:
    rgb = colours().astype(np.float32)

    assert np.abs(lab_of_rgb(rgb) - cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)).max() < 0.5


def test_lab_goes_back_to_the_same_pixels() -> None:
    assert np.allclose(rgb_of_lab(lab_of_rgb(colours())), colours(), atol=1e-5)


def test_grey_has_no_colour() -> None:
    grey = np.repeat(np.linspace(0, 1, 50)[:, None], 3, axis=1)

    lab = lab_of_rgb(grey)

    assert np.abs(lab[:, 1:]).max() < 0.01
    assert lab[-1, 0] == pytest.approx(100)
    assert lab[0, 0] == pytest.approx(0)


def test_colours_that_srgb_lacks_are_clipped() -> None:
    rgb = rgb_of_lab(np.array([[50.0, 127.0, -127.0], [1.0, 0.0, 127.0]]))

    assert rgb.min() >= 0
    assert rgb.max() <= 1
