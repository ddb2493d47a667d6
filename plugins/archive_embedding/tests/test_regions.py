"""Regions cover a large scan and small ones have none; tone and size do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archivist_embedding.regions import (
    ROOM,
    SIGHT,
    cut,
    prepare,
    regions_of,
    working_copy,
)

SIDES = st.integers(1, 60_000)


def test_a_picture_no_larger_than_the_sight_is_described_whole() -> None:
    assert regions_of(SIGHT, SIGHT, 4) == ((0, 0, SIGHT, SIGHT),)


@pytest.mark.parametrize(("finest", "count"), [(1, 1), (2, 5), (3, 14), (4, 30)])
def test_a_large_scan_has_so_many_regions_as_its_grids_have(finest: int, count: int) -> None:
    assert len(regions_of(9000, 6000, finest)) == count


def test_a_grid_is_used_from_its_size_on() -> None:
    assert [len(regions_of(side, side, 4)) for side in (ROOM - 1, ROOM)] == [1, 5]


@given(SIDES, SIDES, st.integers(1, 4))
def test_regions_lie_inside_the_scan_the_whole_first(width: int, height: int, finest: int) -> None:
    regions = regions_of(width, height, finest)

    assert regions[0] == (0, 0, width, height)
    assert len(set(regions)) == len(regions)
    for x, y, w, h in regions:
        assert min(x, y) >= 0 < min(w, h)
        assert x + w <= width
        assert y + h <= height


def test_each_grid_covers_the_whole_scan() -> None:
    covered = np.zeros((700, 1001), np.int32)
    for x, y, w, h in regions_of(1001, 700, 3)[5:]:
        covered[y : y + h, x : x + w] += 1

    assert covered.min() == 1
    assert covered.max() == 4


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3000), (3000, 1), (900, 1300)])
def test_any_scan_becomes_a_grey_copy_of_which_every_region_has_pixels(
    height: int, width: int, channels: int
) -> None:
    regions = regions_of(width, height, 4)
    grey, across, down = working_copy(np.ones((height, width, channels), np.float32), regions[-1])

    assert grey.ndim == 2
    assert all(cut(grey, region, across, down).size > 0 for region in regions)


def test_a_scan_is_reduced_to_twice_the_sight_of_its_smallest_region() -> None:
    regions = regions_of(4000, 3000, 3)
    grey, across, down = working_copy(np.zeros((3000, 4000, 3), np.float32), regions[-1])

    smallest = cut(grey, regions[-1], across, down)
    assert smallest.size == pytest.approx((2 * SIGHT) ** 2, rel=0.02)


def test_a_region_of_a_copy_shows_what_it_shows_in_the_scan() -> None:
    scan = np.zeros((2000, 2000, 1), np.float32)
    scan[1500:, 1000:] = 1
    grey, across, down = working_copy(scan, (0, 0, 400, 400))

    assert cut(grey, (1000, 1500, 1000, 500), across, down).min() > 0.99
    assert cut(grey, (0, 0, 1000, 1500), across, down).max() < 0.01


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 20_000), (20_000, 1), (30, 40), (800, 600)]
)
def test_the_network_sees_as_many_pixels_of_any_picture(height: int, width: int) -> None:
    shown = prepare(np.full((height, width), 0.5, np.float32))

    assert shown.size == pytest.approx(SIGHT**2, rel=0.02)
    assert max(shown.shape) < 640


def test_a_faded_print_is_shown_as_a_good_one(scenes: list[np.ndarray]) -> None:
    assert np.allclose(prepare(scenes[0]), prepare(scenes[0] * 0.3 + 0.5), atol=1e-3)


def test_the_grain_of_blank_paper_is_not_made_a_picture() -> None:
    grain = np.random.default_rng(0).normal(0.8, 0.0005, (SIGHT, SIGHT))

    assert prepare(grain.astype(np.float32)).std() < 0.3
    assert (prepare(np.zeros((9, 9), np.float32)) == -1).all()
