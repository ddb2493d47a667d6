"""Synthetic damage follows its seed, and its truth is the truth."""

from __future__ import annotations

import numpy as np
import pytest

from archivist_scratch.damage import (
    BRIGHT,
    DAMAGED,
    DARK,
    SOUND,
    UNSURE,
    Layer,
    apply_layers,
    narrow_truth,
    random_layers,
    truth,
)
from archivist_scratch.synthesis import Material, Sampler
from archivist_torch.seeding import generator

SHAPE = (60, 80)


@pytest.fixture
def material() -> Material:
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (70, 90, 3), np.uint8), rng.integers(0, 256, (50, 50), np.uint8)]
    overlay = np.zeros((40, 40), np.uint8)
    overlay[18:22] = 255
    return Material(photos, {"scratches": [overlay]})


@pytest.mark.parametrize(
    ("bright", "mode"), [(True, m) for m in BRIGHT] + [(False, m) for m in DARK]
)
def test_damage_is_bright_or_dark_and_only_under_its_coverage(bright: bool, mode: str) -> None:
    pixels = generator("p").random(SHAPE, np.float32)
    alpha = np.zeros(SHAPE, np.float32)
    alpha[20:30] = 0.8

    damaged = Layer(alpha=alpha, bright=bright, mode=mode, opacity=0.9, tone=1.0).over(pixels)

    assert np.array_equal(damaged[:20], pixels[:20])
    difference = (damaged - pixels)[20:30]
    assert (difference >= 0 if bright else difference <= 0).all()
    assert abs(difference).mean() > 0.1


def test_pixels_that_truth_calls_sound_are_hardly_touched(material: Material) -> None:
    for seed in range(20):
        rng = generator("truth", seed)
        clean = np.full(SHAPE, 0.5, np.float32)
        damaged, mask = apply_layers(clean, random_layers(SHAPE, rng, material.overlays))
        assert abs(damaged - clean)[mask == SOUND].max(initial=0) <= 0.05
        assert abs(damaged - clean)[mask == DAMAGED].min(initial=1) >= 0.05


def test_damage_of_the_colour_of_what_it_covers_is_unsure() -> None:
    white = np.ones(SHAPE, np.float32)

    assert (truth(np.ones(SHAPE, np.float32), white, white) == UNSURE).all()


def test_a_wide_stain_is_no_narrow_damage_though_much_of_it_is_unseen() -> None:
    mask = np.full(SHAPE, SOUND, np.uint8)
    mask[5:8, 2:70] = DAMAGED
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    stain = (y - 38) ** 2 + (x - 40) ** 2 < 18**2
    mask[stain] = np.where(x[stain] % 3, UNSURE, DAMAGED)

    narrow = narrow_truth(mask)

    assert (narrow[5:8, 2:70] == DAMAGED).all()
    assert not (narrow[stain] == DAMAGED).any()
    assert (narrow[stain] == SOUND).mean() > 0.9


def test_samples_are_the_same_whenever_they_are_asked_for(material: Material) -> None:
    sampler = Sampler(material=material, seed=5, size=48)
    picture, mask = sampler(7)

    again = Sampler(material=material, seed=5, size=48)(7)
    assert np.array_equal(picture, again[0])
    assert np.array_equal(mask, again[1])
    assert picture.shape == mask.shape == (48, 48)
    assert not np.array_equal(picture, sampler(8)[0])


def test_some_samples_are_clean(material: Material) -> None:
    sampler = Sampler(material=material, seed=1, size=32)

    clean = sum(not sampler(index)[1].any() for index in range(100))
    assert 25 < clean < 70
