"""Faces are found whichever way they lie, with landmarks in the picture's own pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist_faces.alignment import place
from archivist_faces.mtcnn import Mtcnn, detect
from archivist_faces.turned import detect_turned

Picture = NDArray[np.float32]


@pytest.mark.parametrize("angle", [45, 90, 180])
def test_a_turned_face_is_found_once_with_its_angle(
    mtcnn: Mtcnn, portrait: Picture, angle: float
) -> None:
    turn = cv2.getRotationMatrix2D((80, 80), -angle, 1)
    turned = cv2.warpAffine(portrait, turn, (160, 160), borderMode=cv2.BORDER_REPLICATE)

    found = detect_turned(mtcnn, turned[..., None])

    assert len(found) == 1
    upright = place(detect(mtcnn, portrait).landmarks[0], 64).angle
    difference = place(found.landmarks[0], 64).angle - upright - angle
    assert abs((difference + 180) % 360 - 180) < 8


def test_landmarks_are_in_the_pixels_of_a_picture_that_is_not_square(
    mtcnn: Mtcnn, portrait: Picture
) -> None:
    wide = np.pad(portrait, ((0, 0), (60, 0), (0, 0)), mode="edge")
    sideways = np.ascontiguousarray(np.rot90(wide))

    found = detect_turned(mtcnn, sideways, (0, 270))

    upright = detect(mtcnn, portrait).landmarks[0] + (60, 0)
    expected = np.stack([upright[:, 1], 220 - upright[:, 0]], axis=1)
    assert np.abs(found.landmarks[0] - expected).max() < 6


def test_an_upright_face_is_reported_once(mtcnn: Mtcnn, portrait: Picture) -> None:
    assert len(detect_turned(mtcnn, portrait)) == 1


def test_no_angle_is_refused(mtcnn: Mtcnn, portrait: Picture) -> None:
    with pytest.raises(ValueError, match="no angle"):
        detect_turned(mtcnn, portrait, ())
