"""A sharp clean face is good; blur and noise make it one that is not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist_faces.quality import quality

Picture = NDArray[np.float32]


@pytest.fixture
def sharp(draw: Callable[[NDArray[np.uint8], tuple[int, int], int], None]) -> Picture:
    """Return a drawn face as a crop (256, 256, 1): hard edges, even skin."""
    canvas = np.full((256, 256), 120, np.uint8)
    draw(canvas, (128, 128), 80)
    return (canvas / np.float32(255))[..., None]


def test_a_sharp_clean_face_is_good(sharp: Picture) -> None:
    assert quality(sharp).good


def test_grey_and_colour_measure_alike(sharp: Picture) -> None:
    grey, colour = quality(sharp), quality(np.repeat(sharp, 3, axis=2))

    assert colour.sharpness == pytest.approx(grey.sharpness, rel=1e-3)


def test_a_blurred_face_is_not_good(sharp: Picture) -> None:
    assert not quality(cv2.GaussianBlur(sharp, (0, 0), 2)[..., None]).good


def test_a_noisy_face_is_not_good(sharp: Picture) -> None:
    noisy = sharp + np.random.default_rng(1).normal(0, 0.05, sharp.shape).astype(np.float32)

    assert quality(noisy).sharpness > quality(sharp).sharpness / 2
    assert not quality(noisy).good


def test_an_even_crop_is_measured() -> None:
    assert np.isfinite(quality(np.full((192, 192, 1), 0.5, np.float32)).clearness)
