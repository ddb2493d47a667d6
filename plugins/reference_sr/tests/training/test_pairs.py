"""Crops for the enlarger: of the right size, repeatable, reduced as the field does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archivist_reference_sr.training.measure import psnr
from archivist_reference_sr.training.pairs import REDUCE, Crops, bicubic, rgb


@pytest.fixture
def album() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((90, 120), (200, 100))]


def test_a_pair_is_a_crop_and_its_quarter(album: list[np.ndarray]) -> None:
    small, truth = Crops(album, side=16, seed=1).pair(0)

    assert (small.shape, truth.shape) == ((16, 16, 3), (64, 64, 3))


def test_pictures_smaller_than_a_crop_are_enlarged_to_it(album: list[np.ndarray]) -> None:
    _, truth = Crops(album, side=40, seed=1).pair(2)

    assert truth.shape == (160, 160, 3)


def test_a_number_gives_the_same_pair_again(album: list[np.ndarray]) -> None:
    first, again, other = (Crops(album, 16, 1).pair(n)[1] for n in (5, 5, 6))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_small_crop_shows_what_the_truth_shows(album: list[np.ndarray]) -> None:
    small, truth = Crops(album, 16, 1).pair(4)

    inner = (slice(4, -4), slice(4, -4))
    assert np.abs(small[inner].astype(int) - bicubic(truth)[inner]).max() <= 1


@pytest.mark.parametrize("how", sorted(REDUCE))
def test_every_way_to_reduce_gives_a_quarter(how: str) -> None:
    pixels = np.full((32, 48, 3), 128, np.uint8)

    assert REDUCE[how](pixels, np.random.default_rng(1)).shape == (8, 12, 3)


def test_grey_and_transparent_pictures_become_rgb() -> None:
    shapes = [rgb(np.zeros(shape, np.uint8)).shape for shape in ((5, 6), (5, 6, 4))]

    assert shapes == [(5, 6, 3), (5, 6, 3)]


def test_one_level_of_grey_everywhere_is_49_decibels() -> None:
    # Luma runs over 219.9 of 256 levels: one level of grey is 0.859 levels of luma.
    dark, light = torch.full((1, 3, 8, 8), -1.0), torch.full((1, 3, 8, 8), -1 + 2 / 255)

    assert psnr(dark, light).item() == pytest.approx(48.13 + 1.32, abs=0.05)
