"""The distance of two sets of pictures tells whether they are of one kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archivist_triplet.likeness import SIDE, kernel_distance, likeness, middles
from archivist_triplet.samples import Album


def rows(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 6, generator=generator) + shift


def test_sets_of_one_kind_have_no_distance_on_average() -> None:
    found = [kernel_distance(rows(60, seed), rows(60, 100 + seed)) for seed in range(20)]

    assert abs(np.mean(found)) < 0.3 * np.std(found) + 1e-3


def test_the_further_the_kinds_lie_apart_the_larger_is_the_distance() -> None:
    near, far = (likeness(rows(60, 1, shift), rows(60, 2)) for shift in (0.5, 1.5))

    assert far.distance > near.distance + 3 * far.error
    assert near.error > 0


def test_more_pictures_make_the_error_smaller() -> None:
    few, many = (likeness(rows(count, 1, 1.0), rows(200, 2)).error for count in (20, 180))

    assert many < 0.6 * few


@pytest.mark.parametrize(("height", "width"), [(SIDE + 30, SIDE + 100), (40, SIDE + 5)])
def test_middles_are_no_larger_than_asked(height: int, width: int) -> None:
    pixels = np.zeros((1, height, width, 3), np.uint8)
    pixels[0, height // 2, width // 2] = 255
    album = Album(torch.from_numpy(pixels.reshape(-1)), (0,), ((height, width),))

    (middle,) = middles(album, 3)

    assert middle.shape == (min(height, SIDE), min(width, SIDE), 3)
    assert middle.max() == 1
