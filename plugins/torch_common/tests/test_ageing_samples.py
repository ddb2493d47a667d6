"""Aged samples follow seed and number alone, and tell the truth about themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from archivist_torch import ageing
from archivist_torch.ageing import KINDS, AgeingMaterial, AgeingSettings
from archivist_torch.seeding import generator

SIDE = 48
NOTHING = AgeingSettings(
    **dict.fromkeys(ageing.PICTURE_KINDS, 0.0),  # type: ignore[arg-type]
    undamaged=1.0,
)


@pytest.fixture(scope="module")
def material() -> AgeingMaterial:
    overlay = np.zeros((60, 60), np.uint8)
    overlay[28:32] = 255
    return AgeingMaterial.procedural({"hair": [overlay], "stain": [overlay]})


def clean(count: int) -> Tensor:
    small = torch.from_numpy(generator("clean").random((count, 3, 6, 6), np.float32))
    return torch.nn.functional.interpolate(small, (SIDE, SIDE), mode="bilinear")


def test_a_sample_is_the_same_in_any_batch(material: AgeingMaterial) -> None:
    pictures, settings = clean(12), AgeingSettings()
    together = ageing.draw(range(12), pictures, 3, settings, material)

    for number in range(12):
        alone = ageing.draw([number], pictures[number : number + 1], 3, settings, material)
        assert torch.allclose(alone.pixels[0], together.pixels[number], atol=0.5 / 255)
        assert torch.equal(alone.severity[0], together.severity[number])
        assert torch.equal(alone.observed[0], together.observed[number])


def test_other_seeds_give_other_samples(material: AgeingMaterial) -> None:
    first, second = (
        ageing.draw(range(4), clean(4), seed, AgeingSettings(), material) for seed in (1, 2)
    )

    assert not torch.equal(first.pixels, second.pixels)


def test_pictures_keep_shape_and_range_and_the_input_is_left_alone(
    material: AgeingMaterial,
) -> None:
    pictures = clean(32)
    before = pictures.clone()
    aged = ageing.draw(range(32), pictures, 0, AgeingSettings(), material)

    assert aged.pixels.shape == aged.truth.shape == pictures.shape
    assert aged.mask.shape == aged.observed.shape == (32, 1, SIDE, SIDE)
    assert aged.severity.shape == (32, len(KINDS))
    assert aged.pixels.min() >= 0
    assert aged.pixels.max() <= 1
    assert torch.equal(pictures, before)


def test_a_pristine_sample_is_untouched(material: AgeingMaterial) -> None:
    aged = ageing.draw(range(3), clean(3), 0, AgeingSettings(pristine=1.0), material)

    assert torch.equal(aged.pixels, clean(3))
    assert aged.kinds == ((), (), ())
    assert not aged.mask.any()


def test_settings_that_name_nothing_age_nothing(material: AgeingMaterial) -> None:
    aged = ageing.draw(range(8), clean(8), 0, NOTHING, material)

    assert torch.equal(aged.pixels, clean(8))


def test_the_truth_of_a_toned_sample_is_grey_and_of_others_the_clean_picture(
    material: AgeingMaterial,
) -> None:
    aged = ageing.draw(range(40), clean(40), 0, AgeingSettings(), material)

    toned = torch.tensor(["toning" in kinds for kinds in aged.kinds])
    assert 0 < toned.sum() < 40
    assert torch.equal(aged.truth[toned][:, 0], aged.truth[toned][:, 2])
    assert torch.equal(aged.truth[~toned], clean(40)[~toned])


def test_severity_is_positive_for_exactly_the_kinds_that_are_named(
    material: AgeingMaterial,
) -> None:
    aged = ageing.draw(range(30), clean(30), 0, AgeingSettings(), material)

    for row, kinds in zip(aged.severity, aged.kinds, strict=True):
        assert {KINDS[i] for i in row.nonzero()[:, 0].tolist()} == set(kinds)
        assert row.max() <= 1


def test_undamaged_settings_give_no_mask(material: AgeingMaterial) -> None:
    aged = ageing.draw(range(20), clean(20), 0, AgeingSettings(undamaged=1.0), material)

    assert not aged.mask.any()
    assert not aged.observed.any()


def test_masked_pixels_are_visibly_changed_by_damage(material: AgeingMaterial) -> None:
    damaging = replace(NOTHING, pristine=0.0, undamaged=0.0)
    aged = ageing.draw(range(30), clean(30), 0, damaging, material)
    change = (aged.pixels - aged.truth).abs().amax(1, keepdim=True)

    assert aged.mask.any()
    assert change[aged.mask].min() >= 0.05


def test_stains_stay_out_of_the_mask(material: AgeingMaterial) -> None:
    aged = ageing.only("stain", range(20), clean(20), 0, material)

    assert not aged.mask.any()
    assert not torch.equal(aged.pixels, clean(20))


def test_no_single_damage_hides_most_of_a_picture(material: AgeingMaterial) -> None:
    aged = ageing.only("lost", range(40), clean(40), 0, material)

    assert 0 < aged.mask.float().mean((1, 2, 3)).max() < 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_alone_is_that_kind_at_a_medium_strength(
    kind: str, material: AgeingMaterial
) -> None:
    aged = ageing.only(kind, range(8), clean(8), 0, material)

    assert set(aged.kinds) == {(kind,)}
    strengths = aged.severity[:, KINDS.index(kind)]
    assert strengths.min() >= 0.4
    assert strengths.max() <= 0.7
    assert not torch.equal(aged.pixels, aged.truth)


def test_an_unknown_kind_is_named_with_those_there_are(material: AgeingMaterial) -> None:
    with pytest.raises(ValueError, match="no kind of ageing 'rust'; there are toning"):
        ageing.only("rust", [0], clean(1), 0, material)


def test_bytes_and_missing_numbers_are_refused_with_the_cure(material: AgeingMaterial) -> None:
    with pytest.raises(ValueError, match="divide uint8 by 255"):
        ageing.draw([0], clean(1).byte(), 0, AgeingSettings(), material)
    with pytest.raises(ValueError, match="2 sample numbers for 1 pictures"):
        ageing.draw([0, 1], clean(1), 0, AgeingSettings(), material)


def test_a_probability_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"AgeingSettings\.grain is 3; use 0\.\.1"):
        AgeingSettings(grain=3)
    with pytest.raises(ValueError, match=r"use undamaged=1\.0"):
        AgeingSettings(most_damage=0)


def test_ageing_touches_no_global_random_state(material: AgeingMaterial) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr,index]
    ageing.draw(range(8), clean(8), 0, AgeingSettings(), material)

    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], state)  # type: ignore[index]


def squares(count: int) -> Tensor:
    mask = torch.zeros(count, 1, 40, 40, dtype=torch.bool)
    mask[..., 10:14, 10:14] = mask[..., 28:32, 28:32] = True
    return mask


def test_observed_masks_miss_some_regions_and_widen_the_rest() -> None:
    seen = ageing.observed_mask(squares(400), generator(0))
    middles = torch.stack([seen[:, 0, 12, 12], seen[:, 0, 30, 30]]).float()

    assert 1 - middles.mean().item() == pytest.approx(0.15, abs=0.04)
    for reach in (1, 2, 3):
        wide = seen[:, 0, 12, 9 - reach + 1] & seen[:, 0, 12, 12]
        assert wide.float().mean().item() == pytest.approx(0.85 * (4 - reach) / 4, abs=0.08)
    assert not seen[..., 20, 20].any()


def test_an_empty_mask_is_observed_empty() -> None:
    assert not ageing.observed_mask(torch.zeros(2, 1, 8, 8, dtype=torch.bool), generator(0)).any()
