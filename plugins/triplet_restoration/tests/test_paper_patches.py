"""Damaged patches take the most similar undamaged one; the released code's defects are mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from archivist_triplet.paper import patches
from archivist_triplet.paper.blocks import Whole
from archivist_triplet.paper.patches import PatchStage, replace_damaged


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def searched(features: Tensor, damaged: Tensor, side: int) -> Tensor:
    """The whole search by one matrix over unfolded patches."""
    columns = functional.unfold(features[None], side, stride=side)[0]
    unit = functional.normalize(columns, dim=0)
    similar = (unit[:, damaged].T @ unit[:, ~damaged]).argmax(dim=1)
    columns[:, damaged] = columns[:, ~damaged][:, similar]
    size = (features.shape[1], features.shape[2])
    return functional.fold(columns[None], size, side, stride=side)[0]


@pytest.mark.parametrize("side", [2, 4])
def test_chunks_find_what_one_matrix_finds(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "CHUNK_PATCHES", 3)
    torch.manual_seed(4)
    features = torch.randn(3, 4 * side, 6 * side)
    damaged = torch.rand(24) > 0.5
    expected = searched(features.clone(), damaged, side)

    replace_damaged(features, damaged, side)

    assert torch.equal(features, expected)


def test_of_equal_sources_the_first_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Powers of two, so that the similarities are equal to the last bit."""
    monkeypatch.setattr(patches, "CHUNK_PATCHES", 1)
    features = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]]).repeat(2, 1, 1)

    replace_damaged(features, torch.tensor([False, True, False, False]), 1)

    assert features[0, 0].tolist() == [1, 1, 4, 8]


@pytest.mark.parametrize("value", [False, True])
def test_nothing_changes_without_a_damaged_or_without_a_sound_patch(value: bool) -> None:
    features = torch.randn(3, 8, 8)
    before = features.clone()

    replace_damaged(features, torch.full((16,), value), 2)

    assert torch.equal(features, before)


def test_a_wholly_damaged_map_is_fused_with_its_own_features() -> None:
    torch.manual_seed(6)
    stage, x, damage = PatchStage(4, 8), torch.randn(1, 4, 8, 16), torch.ones(1, 1, 32, 64)

    found = stage(x, damage, Whole())

    joined = torch.cat([x, stage.res_block(x), torch.ones(1, 1, 8, 16)], dim=1)
    assert torch.allclose(found, stage.F_Combine(joined), atol=1e-6)


def test_sides_that_are_no_multiple_of_the_patch_leave_no_border_of_zeros() -> None:
    """Undamaged, the composed map is the features themselves up to the border."""
    torch.manual_seed(7)
    stage, x = PatchStage(4, 8), torch.randn(1, 4, 11, 9)

    found = stage(x, torch.zeros(1, 1, 44, 36), Whole())

    joined = torch.cat([x, stage.res_block(x), torch.zeros(1, 1, 11, 9)], dim=1)
    assert torch.allclose(found, stage.F_Combine(joined), atol=1e-6)


@pytest.mark.parametrize(("columns", "replaced"), [(2, False), (3, True)])
def test_a_patch_is_damaged_when_more_than_six_tenths_of_it_are(
    columns: int, replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(
        patches, "replace_damaged", lambda _, damaged, *rest: seen.append(damaged[0].item())
    )
    damage = torch.zeros(1, 1, 16, 32)
    damage[..., : 4 * columns] = 1

    PatchStage(2, 4)(torch.randn(1, 2, 4, 8), damage, Whole())

    assert seen == [replaced]
