"""A crop goes out of the picture and back in, and nothing around it changes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist_faces.alignment import Placement, crop, feathered, paste, place, template
from archivist_faces.sampling import bicubic, bilinear, grid
from archivist_faces.tone import match_tones

Picture = NDArray[np.float32]


def turned(angle: float, scale: float, shift: tuple[float, float], side: int = 64) -> Placement:
    matrix = np.eye(3)
    matrix[:2, :2] = cv2.getRotationMatrix2D((0, 0), -angle, scale)[:, :2]
    matrix[:2, 2] = shift
    return Placement(side=side, matrix=matrix)


def smooth(height: int, width: int, channels: int = 3) -> Picture:
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 17 + c) * np.cos(y / 13 - c) for c in range(channels)]
    return (0.5 + 0.3 * np.stack(waves, axis=-1)).astype(np.float32)


@pytest.mark.parametrize(("angle", "scale"), [(0, 1), (25, 0.7), (-160, 2.5)])
def test_a_placement_is_found_from_landmarks(angle: float, scale: float) -> None:
    truth = turned(angle, scale, (40, 30))
    landmarks = template(64) @ truth.matrix[:2, :2].T + truth.matrix[:2, 2]

    found = place(landmarks, 64)

    assert np.allclose(found.matrix, truth.matrix)
    assert found.scale == pytest.approx(scale)
    assert found.angle == pytest.approx(angle)


def test_a_mirrored_face_is_turned_not_mirrored() -> None:
    landmarks = template(64) * (-1, 1) + (200, 0)

    assert np.linalg.det(place(landmarks, 64).matrix) > 0


@pytest.mark.parametrize("landmarks", [np.zeros((4, 2)), np.ones((5, 2)), np.full((5, 2), np.nan)])
def test_landmarks_that_are_no_face_are_refused(landmarks: NDArray) -> None:
    with pytest.raises(ValueError, match="five landmarks"):
        place(landmarks, 64)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("angle", "scale"), [(0, 1.0), (20, 0.8), (-35, 1.3)])
def test_a_crop_pasted_back_gives_the_picture(angle: float, scale: float, channels: int) -> None:
    picture = smooth(140, 150, channels)
    where = turned(angle, scale, (40, 45))

    result = paste(picture, crop(picture, where), where)

    assert np.abs(result - picture).max() < 0.01


def test_nothing_outside_of_the_mask_changes_by_one_bit() -> None:
    picture = np.random.default_rng(0).random((100, 120, 3), np.float32)
    where = turned(30, 0.7, (60, 30))

    result = paste(picture, np.zeros((64, 64, 3), np.float32), where)

    x, y = grid(np.linalg.inv(where.matrix), range(100), range(120))
    outside = bilinear(feathered(64)[..., None], x, y)[..., 0] == 0
    assert outside.any()
    assert np.array_equal(result[outside], picture[outside])
    assert result[~outside].mean() < picture[~outside].mean()


def test_16_bits_survive() -> None:
    levels = np.arange(120 * 120, dtype=np.float32).reshape(120, 120, 1) / 65535
    where = turned(0, 1, (20, 20))

    result = paste(levels, crop(levels, where), where)

    assert np.abs(result - levels).max() < 0.1 / 65535


@pytest.mark.parametrize("shift", [(-30, -20), (90, 80), (-30, 70)])
def test_a_face_cut_by_the_border_is_continued_not_darkened(shift: tuple[int, int]) -> None:
    picture = np.full((100, 110, 3), 0.6, np.float32)
    where = turned(10, 1, shift)

    face = crop(picture, where)

    assert np.allclose(face, 0.6)
    assert np.allclose(paste(picture, face, where), 0.6)


def test_a_face_beyond_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        crop(smooth(50, 50), turned(0, 1, (500, 500)))


def test_pasting_beyond_the_picture_changes_nothing() -> None:
    picture = smooth(50, 50)

    result = paste(picture, np.zeros((64, 64, 3), np.float32), turned(0, 1, (500, 500)))

    assert np.array_equal(result, picture)


def test_a_large_face_is_smoothed_before_it_is_reduced() -> None:
    stripes = np.tile((np.arange(400) % 2).astype(np.float32), (400, 1))[..., None]

    face = crop(stripes, turned(0, 5, (30, 30)))

    assert np.abs(face - 0.5).max() < 0.02


def test_the_input_stays_as_it_is() -> None:
    picture = smooth(80, 80)
    before = picture.copy()

    paste(picture, np.zeros((64, 64, 3), np.float32), turned(0, 1, (5, 5)))

    assert np.array_equal(picture, before)


def test_samples_at_pixels_are_the_pixels() -> None:
    picture = smooth(20, 30).astype(np.float64)
    x, y = grid(np.eye(3), range(20), range(30))

    assert np.array_equal(bilinear(picture, x, y), picture)
    assert np.allclose(bicubic(picture, x, y), picture, atol=1e-15)


def test_samples_between_pixels_follow_a_slope_exactly() -> None:
    slope = np.arange(10.0)[None, :, None].repeat(4, axis=0)
    x, y = np.array([[2.25, 5.5]]), np.array([[1.5, 2.0]])

    assert np.allclose(bilinear(slope, x, y)[..., 0], x)
    assert np.allclose(bicubic(slope, x, y)[..., 0], x)


def test_tones_become_those_of_the_model() -> None:
    random = np.random.default_rng(0)
    face = random.random((40, 40, 3), np.float32)
    like = (0.2 + 0.3 * random.random((40, 40, 3)) ** 2).astype(np.float32)

    result = match_tones(face, like)

    assert np.allclose(np.sort(result, axis=None), np.sort(like, axis=None), atol=0.02)
    order = np.argsort(face[..., 0], axis=None)
    assert (np.diff(result[..., 0].ravel()[order]) >= 0).all()


def test_equal_values_stay_equal() -> None:
    face = (np.arange(1600) % 4).reshape(40, 40, 1).astype(np.float32)

    result = match_tones(face, smooth(40, 40, 1))

    assert len(np.unique(result)) == 4


def test_only_chosen_pixels_count() -> None:
    face = smooth(20, 20, 1)
    like, chosen = face.copy(), np.zeros((20, 20), bool)
    chosen[:, :12] = True
    like[:, 12:] = 0

    assert np.allclose(match_tones(face, like, chosen)[:, :12], face[:, :12], atol=1e-6)
