"""Degradations keep shape and range, follow their seed, and leave their input alone."""

from __future__ import annotations

import numpy as np
import pytest

from archivist_torch import degrade
from archivist_torch.seeding import generator

ALL = {
    "blur": degrade.blur(),
    "noise": degrade.noise(),
    "grain": degrade.grain(),
    "fade": degrade.fade(),
    "uneven": degrade.uneven(),
    "tone": degrade.tone(),
    "low_resolution": degrade.low_resolution(),
    "jpeg": degrade.jpeg(),
    "old_print": degrade.old_print(),
    "scan": degrade.scan(),
}


def picture(shape: tuple[int, ...]) -> degrade.Pixels:
    pixels = generator("picture").random(shape, np.float32)
    pixels.setflags(write=False)
    return pixels


@pytest.mark.parametrize("shape", [(24, 31), (24, 31, 3)])
@pytest.mark.parametrize("name", sorted(ALL))
def test_a_degradation_keeps_shape_and_range(name: str, shape: tuple[int, ...]) -> None:
    for seed in range(4):
        found = ALL[name](picture(shape), generator(seed))
        assert found.shape == shape
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 1


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_same_seed_gives_the_same_pixels(name: str) -> None:
    first, second = (ALL[name](picture((20, 20, 3)), generator(7)) for _ in range(2))

    assert np.array_equal(first, second)


def test_a_toned_picture_is_warm_and_keeps_its_lightness_order() -> None:
    toned = degrade.tone((1.0, 1.0))(picture((16, 16, 3)), generator(1))

    assert (toned[..., 0] >= toned[..., 2]).all()


def test_generators_of_different_paths_differ() -> None:
    assert generator("a", 1).random() != generator("a", 2).random()
    assert generator("a", 1).random() == generator("a", 1).random()
