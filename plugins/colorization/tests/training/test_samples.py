"""Samples repeat by number, and their parts belong together."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from archivist_colorization.compact.chroma import expanded
from archivist_colorization.lightness import lightness_of
from archivist_colorization.training.material import Material
from archivist_colorization.training.samples import Kind, Samples, lightness


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (14, 18, 3), np.uint8)
    return np.clip(cv2.resize(coarse, (144, 112), interpolation=cv2.INTER_CUBIC), 0, 255)


@pytest.fixture
def samples() -> Samples:
    material = Material(
        album=[picture(n) for n in range(5)],
        groups=[range(3, 5)],
        held_out_photos=[],
        held_out_groups={},
    )
    return Samples(material, 64, 7)


def test_the_same_number_gives_the_same_sample(samples: Samples) -> None:
    first, again, other = (samples.sample(n) for n in (3, 3, 4))

    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_sizes_and_ranges_are_those_of_the_network(samples: Samples) -> None:
    light, colour, exemplar, lent, flags = samples.sample(1)

    assert light.shape == exemplar.shape == (1, 64, 64)
    assert (colour.shape, lent.shape, flags.shape) == ((2, 16, 16), (2, 8, 8), (2,))
    assert 0 <= min(light.min(), exemplar.min()) <= max(light.max(), exemplar.max()) <= 1


def test_all_kinds_of_exemplars_occur(samples: Samples) -> None:
    flags = np.array([samples.sample(n)[-1] for n in range(80)])

    assert set(flags[:, 0].tolist()) == set(Kind)
    assert flags[:, 1].any()
    assert set(flags[flags[:, 1] == 1, 0].tolist()) <= {Kind.SELF, Kind.GROUP}


def test_lightness_is_that_of_the_step(samples: Samples) -> None:
    pixels = picture(1)

    found = lightness(pixels.astype(np.float32) / np.float32(255))

    assert np.abs(found * 255 - lightness_of(pixels)).max() < 0.6


def test_colour_is_the_pictures_own_where_nothing_was_changed(samples: Samples) -> None:
    plain = (samples.sample(n) for n in range(60))
    colours = [s[1] for s in plain if not s[-1][1]]

    chroma = [np.hypot(*expanded(c.transpose(1, 2, 0)).transpose(2, 0, 1)).max() for c in colours]

    assert 20 < np.median(chroma) < 140
