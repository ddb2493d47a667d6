"""Geometric agreement: measured on pictures whose relation is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist.references.geometry import Features, agree, describe, match

Grey = NDArray[np.uint8]


def scene(seed: int, side: int = 480) -> Grey:
    """A picture full of distinct things: rectangles and discs of many sizes, softened."""
    draw = np.random.default_rng(seed)
    canvas = np.full((side, side), 128, np.uint8)
    for _ in range(260):
        x, y = (int(v) for v in draw.integers(0, side, 2))
        w, h = (int(v) for v in draw.integers(4, side // 8, 2))
        tone = int(draw.integers(0, 256))
        if draw.random() < 0.5:
            cv2.rectangle(canvas, (x, y), (x + w, y + h), tone, -1)
        else:
            cv2.circle(canvas, (x, y), w // 2 + 2, tone, -1)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.8), np.uint8)


def whole(grey: Grey) -> Features:
    return describe(grey, (0, 0, grey.shape[1], grey.shape[0]))


def reduced(grey: Grey, factor: float) -> Grey:
    small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def test_the_scale_of_a_reduced_picture_is_told() -> None:
    fine = scene(1)
    found = agree(whole(reduced(fine, 0.5)), whole(fine))
    assert found is not None
    assert found.inliers >= 20
    assert found.scale == pytest.approx(2, rel=0.02)


def test_the_scale_counts_pixels_of_the_scans_not_of_the_reduced_reading() -> None:
    fine = scene(1)
    coarse = describe(reduced(fine, 0.5), (0, 0, 240, 240))
    large = describe(fine, (0, 0, 4800, 4800))
    found = agree(coarse, large)
    assert found is not None
    assert found.scale == pytest.approx(20, rel=0.02)


def test_the_overlap_is_told_in_both_pictures() -> None:
    wide = scene(2)
    left, right = wide[:, :330], wide[:, 150:]
    found = agree(whole(left), whole(right))
    assert found is not None
    x, _, width, _ = found.in_query
    assert x >= 145
    assert x + width <= 330
    x, _, width, _ = found.in_reference
    assert x >= 0
    assert x + width <= 185
    assert 0.3 < found.share <= 0.56


def test_a_region_of_a_scan_lies_where_it_lies_in_the_scan() -> None:
    wide = scene(2)
    part = describe(wide[100:400, 120:420], (120, 100, 300, 300))
    found = agree(part, whole(wide))
    assert found is not None
    assert found.in_query == pytest.approx(found.in_reference, abs=3)


def test_tone_noise_and_a_turned_camera_do_not_matter() -> None:
    fine = scene(3)
    draw = np.random.default_rng(0)
    turn = cv2.getRotationMatrix2D((240, 240), 12, 0.9)
    turned = cv2.warpAffine(fine, turn, (480, 480), borderValue=128)
    faded = 90 + 0.45 * turned.astype(np.float32) + draw.normal(0, 4, turned.shape)
    found = agree(whole(np.clip(faded, 0, 255).astype(np.uint8)), whole(fine))
    assert found is not None
    assert found.inliers >= 20
    assert found.scale == pytest.approx(1 / 0.9, rel=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_pictures_of_different_things_prove_nothing(seed: int) -> None:
    found = agree(whole(scene(10 + seed)), whole(scene(20 + seed)))
    assert found is None or found.inliers < 10


def test_a_pattern_that_repeats_proves_nothing() -> None:
    tile = scene(4, 60)
    wall = np.tile(tile, (9, 9))
    one, other = whole(wall[:480, :480]), whole(wall[25:505, 30:510])
    assert len(match(one, other)) < 0.05 * len(one.points)
    found = agree(one, other)
    assert found is None or found.inliers < 10


def test_a_mirrored_picture_is_no_reference() -> None:
    fine = scene(5)
    found = agree(whole(fine), whole(np.ascontiguousarray(fine[:, ::-1])))
    assert found is None or found.inliers < 10


@pytest.mark.parametrize("shape", [(40, 40), (1, 1), (8, 300), (3000, 20)])
def test_a_picture_that_shows_nothing_agrees_with_none(shape: tuple[int, int]) -> None:
    blank = whole(np.full(shape, 90, np.uint8))
    assert len(blank.points) == 0
    assert agree(blank, whole(scene(1))) is None
    assert agree(whole(scene(1)), blank) is None


def test_the_answer_does_not_depend_on_the_global_generator() -> None:
    one, other = scene(6), reduced(scene(6), 0.6)
    answers = []
    for seed in (1, 2, 3):
        cv2.setRNGSeed(seed)
        answers.append(agree(whole(other), whole(one)))
    assert answers[0] is not None
    assert answers[0] == answers[1] == answers[2]
