"""Lessons: what pictures lend each other, made once and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from archivist_reference_sr.compact.describer import Describer
from archivist_reference_sr.training.lending import Lesson, kept, of_photo, seen_otherwise
from archivist_reference_sr.training.pairs import bicubic


@pytest.fixture(scope="module")
def describer() -> Describer:
    return Describer.pretrained()


def photo(seed: int = 1, height: int = 98, width: int = 130) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def test_a_photograph_borrows_from_itself_seen_otherwise(describer: Describer) -> None:
    one = of_photo(photo(), None, describer, bicubic, 3)

    assert one.kind == "self"
    assert one.truth.shape == one.detail.shape == (96, 128, 3)
    assert one.small.shape == (24, 32, 3)
    assert (one.similarity > 0).mean() > 0.5


def test_a_stranger_is_told_as_unrelated(describer: Describer) -> None:
    assert of_photo(photo(), photo(2), describer, bicubic, 3).kind == "unrelated"


def test_another_view_is_another_picture_each_time() -> None:
    views = [seen_otherwise(photo(), np.random.default_rng(seed)) for seed in (1, 1, 2)]

    assert np.array_equal(views[0], views[1])
    assert views[0].shape != views[2].shape or not np.array_equal(views[0], views[2])


def test_kept_lessons_are_read_back_and_not_made_again(tmp_path: Path) -> None:
    made = Lesson(
        "found",
        np.full((2, 3, 3), 7, np.uint8),
        np.zeros((8, 12, 3), np.uint8),
        np.full((8, 12, 3), -5, np.int8),
        np.full((2, 3), 200, np.uint8),
    )
    path = tmp_path / "cache" / "lessons.npz"

    kept(path, lambda: iter([made]))

    def never() -> Iterator[Lesson]:
        raise AssertionError("made again")

    (again,) = kept(path, never)
    assert again.kind == "found"
    assert np.array_equal(again.detail, made.detail)
    assert np.array_equal(again.similarity, made.similarity)
