"""Colour joins the lightness of full size, which does not change by one level."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from archivist_colorization.lab import lab_of_rgb
from archivist_colorization.lightness import lightness_of
from archivist_colorization.recolour import recolour
from archivist_colorization.upsample import fit

TYPES = [np.uint8, np.uint16]


def noise(dtype: type, shape: tuple[int, ...], seed: int = 0) -> NDArray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def wild(shape: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-128, 128, (*shape, 2)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    dtype=st.sampled_from(TYPES),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    low=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    seed=st.integers(0, 1000),
)
def test_lightness_is_kept_bit_for_bit_under_any_colour(
    dtype: type, size: tuple[int, int], low: tuple[int, int], seed: int
) -> None:
    lightness = noise(dtype, size, seed)

    result = recolour(lightness, wild(low, seed))

    assert result.dtype == dtype
    assert np.array_equal(lightness_of(result), lightness)


@pytest.mark.parametrize("dtype", TYPES)
def test_every_level_is_kept(dtype: type) -> None:
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 64)

    result = recolour(levels, wild(levels.shape))

    assert np.array_equal(lightness_of(result), levels)


@pytest.mark.parametrize("dtype", TYPES)
def test_no_colour_gives_grey(dtype: type) -> None:
    lightness = noise(dtype, (20, 30))

    result = recolour(lightness, np.zeros((5, 7, 2), np.float32))

    assert np.array_equal(result, np.repeat(lightness[..., None], 3, axis=2))


def test_a_colour_in_gamut_is_given_as_it_is() -> None:
    lightness = np.full((12, 12), 30000, np.uint16)

    result = recolour(lightness, np.full((6, 6, 2), (12.0, -20.0), np.float32))

    lab = lab_of_rgb(result.astype(np.float64) / 65535)
    assert np.allclose(lab[..., 1:], (12, -20), atol=0.01)


def test_a_colour_out_of_gamut_keeps_its_hue() -> None:
    lightness = np.full((8, 8), 200, np.uint8)

    result = recolour(lightness, np.full((4, 4, 2), (-90.0, -90.0), np.float32))

    _, a, b = lab_of_rgb(result[4, 4].astype(np.float64) / 255)
    assert a == pytest.approx(b, abs=2)
    assert -60 < a < -10


def test_the_lightness_of_grey_is_itself() -> None:
    grey = noise(np.uint16, (9, 11))

    assert np.array_equal(lightness_of(grey), grey)
    assert np.array_equal(lightness_of(np.repeat(grey[..., None], 3, axis=2)), grey)


def test_colour_edges_come_to_lie_on_lightness_edges() -> None:
    edge = np.where(np.arange(256) < 131, 60, 190).astype(np.uint8)
    lightness = np.tile(edge, (128, 1))
    truth = np.where(edge < 100, -20.0, 25.0).astype(np.float32)
    full = np.tile(truth[:, None], (128, 1, 2))
    low = cv2.resize(full, (32, 16), interpolation=cv2.INTER_AREA)
    plain = cv2.resize(low, (256, 128), interpolation=cv2.INTER_LINEAR)
    guide = lightness.astype(np.float32) / 255
    small = cv2.resize(guide, (32, 16), interpolation=cv2.INTER_AREA)

    joint = fit(low, small).rows(guide, 0, 128)

    assert np.abs(joint - full).mean() < 0.35 * np.abs(plain - full).mean()


def test_texture_makes_no_colour_that_was_not_there() -> None:
    ab, guide = wild((16, 16)) / 4, noise(np.uint8, (64, 64)).astype(np.float32) / 255

    found = fit(ab, cv2.resize(guide, (16, 16))).rows(guide, 0, 64)

    assert found.min() >= ab.min()
    assert found.max() <= ab.max()


def test_rows_do_not_depend_on_how_the_picture_is_cut() -> None:
    guide = noise(np.uint8, (40, 30)).astype(np.float32) / 255
    field = fit(wild((10, 8)), cv2.resize(guide, (8, 10)))

    parts = [field.rows(guide[top : top + 7], top, 40) for top in range(0, 40, 7)]

    assert np.array_equal(np.concatenate(parts), field.rows(guide, 0, 40))


@pytest.mark.parametrize(
    ("lightness", "ab", "problem", "words"),
    [
        (np.zeros((4, 4), np.float32), np.zeros((2, 2, 2), np.float32), TypeError, "uint16"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((2, 2, 2), np.float32), ValueError, "give"),
        (np.zeros((4, 4), np.uint8), np.full((2, 2, 2), np.nan, np.float32), ValueError, "finite"),
    ],
)
def test_bad_input_is_named(
    lightness: NDArray, ab: NDArray, problem: type[Exception], words: str
) -> None:
    with pytest.raises(problem, match=words):
        recolour(lightness, ab)
