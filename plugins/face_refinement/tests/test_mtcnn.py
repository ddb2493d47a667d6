"""Faces are found with their landmarks, and nothing is found where there is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist_faces.boxes import distinct, patches, square
from archivist_faces.mtcnn import Mtcnn, Settings, detect

Picture = NDArray[np.float32]


def test_a_face_is_found_with_its_landmarks(mtcnn: Mtcnn, portrait: Picture) -> None:
    found = detect(mtcnn, portrait)

    assert len(found) == 1
    assert found.scores[0] > 0.9
    drawn = [(67, 75), (93, 75), (80, 91), (71, 103), (89, 103)]
    assert np.abs(found.landmarks[0] - drawn).max() < 5


def test_the_box_holds_the_landmarks(mtcnn: Mtcnn, portrait: Picture) -> None:
    found = detect(mtcnn, portrait)

    assert (found.landmarks[0] > found.boxes[0, :2]).all()
    assert (found.landmarks[0] < found.boxes[0, 2:]).all()


def test_grey_and_colour_give_the_same(mtcnn: Mtcnn, portrait: Picture) -> None:
    grey, colour = detect(mtcnn, portrait), detect(mtcnn, np.repeat(portrait, 3, axis=2))

    assert np.array_equal(grey.boxes, colour.boxes)


def test_several_faces_are_found_best_first(mtcnn: Mtcnn, portrait: Picture) -> None:
    smaller = cv2.resize(portrait, (128, 128), interpolation=cv2.INTER_AREA)[..., None]
    smaller = np.pad(smaller, ((16, 16), (16, 16), (0, 0)), mode="edge")
    row = np.concatenate([smaller, portrait, portrait], axis=1)

    found = detect(mtcnn, row, Settings(final=0.6))

    assert len(found) == 3
    assert (np.diff(found.scores) <= 0).all()
    assert sorted((found.boxes[:, 0] // 160).astype(int)) == [0, 1, 2]


def test_a_face_is_found_at_twice_the_size_in_the_same_place(
    mtcnn: Mtcnn, portrait: Picture
) -> None:
    double = cv2.resize(portrait, (320, 320), interpolation=cv2.INTER_LINEAR)[..., None]

    found = detect(mtcnn, double)

    assert np.abs(found.landmarks[0] / 2 - detect(mtcnn, portrait).landmarks[0]).max() < 3


def test_smaller_faces_than_asked_for_are_not_reported(mtcnn: Mtcnn, portrait: Picture) -> None:
    assert len(detect(mtcnn, portrait, Settings(smallest=130))) == 0


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (40, 40), (200, 90)])
def test_a_plain_picture_of_any_size_has_no_face(mtcnn: Mtcnn, size: tuple[int, int]) -> None:
    found = detect(mtcnn, np.full((*size, 3), 0.4, np.float32))

    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.landmarks.shape == (0, 5, 2)


def test_noise_and_stripes_are_no_faces(mtcnn: Mtcnn) -> None:
    noise = np.random.default_rng(0).random((120, 120, 1), np.float32)
    stripes = np.tile((np.arange(120) // 8 % 2).astype(np.float32), (120, 1))[..., None]

    assert len(detect(mtcnn, np.concatenate([noise, stripes]))) == 0


def test_a_face_cut_by_the_border_does_no_harm(mtcnn: Mtcnn, portrait: Picture) -> None:
    found = detect(mtcnn, np.ascontiguousarray(portrait[:, 70:]))

    assert np.isfinite(found.boxes).all()


def test_another_number_of_channels_is_refused(mtcnn: Mtcnn) -> None:
    with pytest.raises(ValueError, match=r"give \(h, w, 1\)"):
        detect(mtcnn, np.zeros((20, 20, 4), np.float32))


def test_of_boxes_that_overlap_the_best_is_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [30, 0, 40, 10]], np.float32)

    assert distinct(boxes, np.array([0.7, 0.9, 0.8]), 0.5).tolist() == [1, 2]


def test_a_box_inside_of_another_goes_when_nested_ones_are_dropped() -> None:
    boxes = np.array([[0, 0, 20, 20], [5, 5, 10, 10]], np.float32)
    scores = np.array([0.9, 0.8])

    assert distinct(boxes, scores, 0.7).tolist() == [0, 1]
    assert distinct(boxes, scores, 0.7, nested=True).tolist() == [0]


def test_no_boxes_leave_none() -> None:
    assert distinct(np.zeros((0, 4), np.float32), np.zeros(0), 0.5).tolist() == []


def test_boxes_become_square_about_their_middle() -> None:
    boxes = square(np.array([[10, 20, 20, 50]], np.float32))

    assert boxes.tolist() == [[0, 20, 30, 50]]


def test_patches_are_black_outside_of_the_picture() -> None:
    cut = patches(np.ones((20, 20, 3), np.float32), np.array([[-10, 0, 10, 20]], np.float32), 10)

    assert cut.shape == (1, 3, 10, 10)
    assert cut[0, 0, :, :5].max() == 0
    assert cut[0, 0, :, 5:].min() == 1


def test_a_patch_wholly_outside_is_black() -> None:
    cut = patches(np.ones((20, 20, 3), np.float32), np.array([[50, 50, 60, 60]], np.float32), 10)

    assert cut.max() == 0
