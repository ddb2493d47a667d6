"""The streamed partial nonlocal block is the paper's formula, and safe where there is no source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from archivist_triplet.paper import attention
from archivist_triplet.paper.attention import PartialNonlocal, undamaged, weighted_mean
from archivist_triplet.paper.blocks import Whole


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def block(width: int = 4) -> PartialNonlocal:
    torch.manual_seed(5)
    return PartialNonlocal(width, blocks=1).double()


def left_damaged(height: int = 32, width: int = 48, columns: int = 16) -> Tensor:
    damage = torch.zeros(1, 1, height, width, dtype=torch.float64)
    damage[..., :columns] = 1
    return damage


def full_matrix(network: PartialNonlocal, x: Tensor, damage: Tensor) -> Tensor:
    """Section 3.3 with a matrix of all positions times all positions."""
    height, width = x.shape[2:]
    sound = undamaged(damage, (height, width)).to(x.dtype)
    theta, phi, g = (conv(x).flatten(2) for conv in (network.theta, network.phi, network.g))
    weights = torch.softmax(theta.transpose(1, 2) @ phi, dim=2) * sound.flatten(2)
    weights = weights / weights.sum(2, keepdim=True).clamp(min=1e-12)
    answers = (g @ weights.transpose(1, 2)).unflatten(2, (height, width))
    return sound * x + (1 - sound) * network.res_block(network.W(answers))


@pytest.mark.parametrize("scale", [0.3, 20.0])
def test_streaming_gives_the_result_of_the_full_matrix(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "QUERIES", 7)
    torch.manual_seed(2)
    network, x, damage = block(), scale * torch.randn(1, 4, 8, 12).double(), left_damaged()

    found = network(x, damage, Whole())

    assert torch.allclose(found, full_matrix(network, x, damage), atol=1e-9)


def test_a_mean_does_not_depend_on_the_chunks() -> None:
    torch.manual_seed(3)
    queries, features = torch.randn(5, 4).double(), torch.randn(4, 50).double()
    offset, sound = torch.randn(5, 1).double(), torch.rand(50) > 0.4

    whole = weighted_mean(queries, offset, features, sound, chunk=50)
    pieces = weighted_mean(queries, offset, features, sound, chunk=7)

    assert torch.allclose(whole[0], pieces[0])
    assert torch.allclose(whole[1], pieces[1])


def test_a_source_whose_share_vanishes_gives_little_instead_of_nan() -> None:
    features, sound = torch.tensor([[100.0, 0.0]]), torch.tensor([False, True])

    mean, share = weighted_mean(torch.ones(1, 1), torch.zeros(1, 1), features, sound)

    assert torch.isfinite(mean).all()
    assert share.item() < 1e-20


def test_undamaged_positions_keep_their_features() -> None:
    x, damage = torch.randn(1, 4, 8, 12).double(), left_damaged()

    found = block()(x, damage, Whole())

    sound = undamaged(damage, (8, 12)).expand_as(x)
    assert torch.equal(found[sound], x[sound])
    assert not torch.isclose(found[~sound], x[~sound]).all()


def test_damaged_features_do_not_reach_other_positions_as_a_source() -> None:
    """Only through its own query may a damaged position matter."""
    features, sound = torch.randn(3, 10), torch.arange(10) >= 4
    changed = features.clone()
    changed[:, :4] *= 0.5

    before, _ = weighted_mean(torch.randn(2, 3), torch.zeros(2, 1), features, sound)
    flat, _ = weighted_mean(torch.zeros(2, 3), torch.zeros(2, 1), changed, sound)

    assert torch.allclose(flat, features[:, 4:].mean(1).expand(2, 3), atol=1e-6)
    assert before.shape == flat.shape


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_without_damage_or_without_a_source_features_stay(value: float) -> None:
    x = torch.randn(1, 4, 8, 12).double()

    found = block()(x, torch.full((1, 1, 32, 48), value).double(), Whole())

    assert torch.equal(found, x)


@pytest.mark.parametrize(("column", "sound"), [(0, False), (1, False), (2, False), (3, True)])
def test_a_column_is_seen_where_the_papers_reductions_look(column: int, sound: bool) -> None:
    """Bilinear reduction by 4 reads pixels 1 and 2 of four, nearest reads pixel 0."""
    damage = torch.zeros(1, 1, 4, 4)
    damage[..., column] = 1

    assert undamaged(damage, (1, 1)).item() is sound
