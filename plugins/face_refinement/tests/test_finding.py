"""The step finds faces on worn prints of any size, and says where in the picture they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist.api import Colour, Faces, Image, Scores
from archivist.testing import FakeContext
from archivist_faces import finding
from archivist_faces.finding import find
from archivist_faces.mtcnn import Mtcnn, detect
from archivist_faces.params import DetectParams
from archivist_faces.plugin import DETECT

Picture = NDArray[np.float32]

MIDDLE = (80, 85)
"""Of the landmarks of the drawn portrait."""


def worn(portrait: Picture) -> Picture:
    """Return the portrait flat, soft and noisy."""
    rng = np.random.default_rng(3)
    flat = 0.45 + 0.35 * (cv2.GaussianBlur(portrait, (0, 0), 1.0)[..., None] - 0.5)
    noisy = flat + rng.normal(0, 0.07, flat.shape)
    return np.clip(noisy, 0, 1).astype(np.float32)


def test_a_worn_face_is_found_that_a_plain_look_misses(mtcnn: Mtcnn, portrait: Picture) -> None:
    picture = worn(portrait)

    assert len(detect(mtcnn, picture)) == 0
    found = find(mtcnn, picture, DetectParams())

    assert len(found) == 1
    assert np.abs(found.landmarks[0].mean(axis=0) - MIDDLE).max() < 8


def test_fifty_faces_are_found(mtcnn: Mtcnn, portrait: Picture) -> None:
    small = cv2.resize(portrait, (64, 64), interpolation=cv2.INTER_AREA)
    group = np.tile(small, (5, 10))[..., None]

    found = find(mtcnn, group, DetectParams())

    cells = {(int(x // 64), int(y // 64)) for x, y in found.landmarks.mean(axis=1)}
    assert len(found) == 50
    assert len(cells) == 50


def test_no_more_faces_are_kept_than_asked_for(mtcnn: Mtcnn, portrait: Picture) -> None:
    found = find(mtcnn, np.concatenate([portrait, portrait], axis=1), DetectParams(most=1))

    assert len(found) == 1


def test_a_face_upside_down_is_found_where_no_upright_one_is(
    mtcnn: Mtcnn, portrait: Picture
) -> None:
    turned = np.ascontiguousarray(portrait[::-1, ::-1])

    assert len(find(mtcnn, turned, DetectParams(turned="never"))) == 0
    found = find(mtcnn, turned, DetectParams())

    assert np.abs(found.landmarks[0].mean(axis=0) - (80, 75)).max() < 8


def test_places_are_in_the_pixels_of_a_picture_that_was_reduced(
    mtcnn: Mtcnn, portrait: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "LONGEST", 160)
    double = cv2.resize(portrait, (320, 320), interpolation=cv2.INTER_LINEAR)[..., None]

    found = find(mtcnn, double, DetectParams())

    assert np.abs(found.landmarks[0].mean(axis=0) / 2 - MIDDLE).max() < 8


def test_a_find_that_is_no_face_from_both_sides_is_dropped(
    mtcnn: Mtcnn, portrait: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_second", lambda *_: 0.3)

    assert len(find(mtcnn, portrait, DetectParams(turned="never"))) == 0


@pytest.mark.parametrize("shift", [30, 60, 75])
def test_a_face_cut_by_the_border_does_no_harm(mtcnn: Mtcnn, portrait: Picture, shift: int) -> None:
    found = find(mtcnn, np.ascontiguousarray(portrait[:, shift:]), DetectParams())

    assert np.isfinite(found.landmarks).all()


def test_the_step_tells_faces_and_scores(portrait: Picture) -> None:
    image = Image(pixels=portrait, colour=Colour.GREY)

    out = finding.run({"image": image}, DetectParams(), FakeContext(spec=DETECT))

    faces, scores = out["faces"], out["scores"]
    assert isinstance(faces, Faces)
    assert isinstance(scores, Scores)
    (face,) = faces.faces
    x, y, width, height = face.box
    assert all(x < u < x + width and y < v < y + height for u, v in face.landmarks)
    assert scores.values["faces"] == 1
    assert scores.values["best_score"] == pytest.approx(face.score)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (90, 60)])
def test_a_picture_without_faces_has_none(size: tuple[int, int]) -> None:
    image = Image(pixels=np.full((*size, 3), 0.4, np.float32), colour=Colour.RGB)

    out = finding.run({"image": image}, DetectParams(), FakeContext(spec=DETECT))

    assert out["faces"] == Faces(())
    assert isinstance(out["scores"], Scores)
    assert out["scores"].values == {"faces": 0}
