"""A face is cut out on the picture's own grid, and nothing outside of its oval changes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist_faces.alignment import crop, template
from archivist_faces.fitting import LEAST, MOST, MULTIPLE, fitted, laid, oval, without_light

Picture = NDArray[np.float32]


def landmarks(side: float, angle: float = 0, at: tuple[float, float] = (0, 0)) -> NDArray:
    """Return those of a face whose crop has ``side`` px, turned clockwise about its middle."""
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), -angle, 1)
    return template(1) * side @ turn[:, :2].T + turn[:, 2] + at


def noise(height: int, width: int, channels: int = 1) -> Picture:
    return np.random.default_rng(2).random((height, width, channels), np.float32)


@pytest.mark.parametrize("angle", [0, 9, -12, 95, 176, -84])
def test_a_face_that_is_nearly_upright_or_lying_is_cut_out_pixel_by_pixel(angle: float) -> None:
    picture = noise(400, 420)
    where = fitted(landmarks(230.4, angle, (80.3, 60.7)))

    seen = crop(picture, where)

    known = set(np.round(picture.ravel(), 6).tolist())
    assert where.scale == pytest.approx(1)
    assert set(np.round(seen.ravel(), 6).tolist()) <= known
    assert len(np.unique(seen)) > 0.99 * seen.size


def test_a_face_that_is_turned_further_is_set_upright() -> None:
    assert fitted(landmarks(230, 40)).angle == pytest.approx(40)


@pytest.mark.parametrize("side", [20, 100, LEAST, 300, MOST, 2000])
def test_crops_have_sides_that_the_network_can_see_and_hold_the_face(side: int) -> None:
    where = fitted(landmarks(side))

    assert where.side % MULTIPLE == 0
    assert LEAST <= where.side <= MOST
    assert side <= where.side * where.scale < 1.1 * side + MULTIPLE
    middle = where.matrix[:2, 2] + where.matrix[:2, :2] @ np.full(2, where.side / 2)
    assert middle == pytest.approx(side / 2, abs=1.5 * max(1, where.scale))


def test_landmarks_in_one_point_are_refused() -> None:
    with pytest.raises(ValueError, match="five landmarks"):
        fitted(np.ones((5, 2)))


@pytest.mark.parametrize("angle", [0, 40])
@pytest.mark.parametrize("side", [110, 230, 900])
def test_nothing_outside_of_the_oval_changes_by_one_bit(side: int, angle: float) -> None:
    picture = noise(side + 200, side + 240, 3)
    where = fitted(landmarks(side, angle, (110, 100)))
    strong = np.full((where.side, where.side, 3), 0.5, np.float32)

    result = laid(picture, strong, where, oval(where.side))

    changed = (result != picture).any(axis=2)
    y, x = np.indices(changed.shape)
    distance = np.hypot(x - 110 - side / 2, y - 100 - side / 2)
    assert changed[distance < 0.3 * side].mean() > 0.9
    assert not changed[distance > 0.55 * side].any()


def test_a_correction_on_the_pictures_grid_is_added_as_it_is() -> None:
    picture = noise(300, 300) * 0.5 + 0.2
    where = fitted(landmarks(200, 0, (50, 50)))
    correction = (noise(where.side, where.side) - 0.5) * 0.2

    result = laid(picture, correction, where, np.ones((where.side, where.side), np.float32))

    top, left = (round(float(v)) for v in where.matrix[[1, 0], 2])
    inner = (slice(top, top + where.side), slice(left, left + where.side))
    assert np.allclose((result - picture)[inner], correction, atol=1e-6)


def test_a_face_beyond_the_border_changes_nothing() -> None:
    picture = noise(100, 100)
    where = fitted(landmarks(200, 0, (-900, 0)))
    strong = np.ones((where.side, where.side, 1), np.float32)

    assert np.array_equal(laid(picture, strong, where, oval(where.side)), picture)


def test_a_change_of_light_is_taken_out_and_detail_stays() -> None:
    detail = np.sin(np.arange(256) * 1.3).astype(np.float32) * 0.05
    correction = np.broadcast_to(detail[None, :, None], (256, 256, 1)) + np.float32(0.2)

    result = without_light(np.ascontiguousarray(correction, np.float32))

    assert abs(float(result.mean())) < 0.02 * 0.2
    assert np.allclose(result[64:-64, 64:-64, 0], detail[64:-64], atol=0.01)
