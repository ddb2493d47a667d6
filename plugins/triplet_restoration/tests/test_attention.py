"""Attention in chunks is attention."""

from __future__ import annotations

import math

import pytest
import torch

from archivist_triplet import attention
from archivist_triplet.attention import attend


def plain(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    scale = math.log(len(keys)) / math.log(attention.USUAL) / math.sqrt(queries.shape[1])
    return torch.softmax(scale * queries @ keys.T, dim=1) @ values


@pytest.mark.parametrize("sources", [2, 63, 64, 65, 200])
def test_chunks_give_what_the_whole_matrix_gives(
    sources: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "QUERIES", 16)
    monkeypatch.setattr(attention, "SOURCES", 64)
    generator = torch.Generator().manual_seed(sources)
    queries, keys, values = (
        torch.randn(n, d, generator=generator) for n, d in ((37, 8), (sources, 8), (sources, 5))
    )

    assert torch.allclose(attend(queries, keys, values), plain(queries, keys, values), atol=1e-5)


def test_very_large_logits_do_not_overflow() -> None:
    queries, keys = torch.full((3, 4), 300.0), torch.tensor([[300.0] * 4, [-300.0] * 4])
    values = torch.tensor([[1.0], [2.0]])

    assert torch.equal(attend(queries, keys, values), torch.ones(3, 1))


def test_a_hundred_times_as_many_dull_sources_do_not_drown_the_fitting_one() -> None:
    keys = torch.cat([torch.full((1, 4), 3.0), torch.zeros(25_600, 4)])
    values = torch.cat([torch.ones(1, 1), torch.zeros(25_600, 1)])

    taken = attend(torch.full((1, 4), 3.0), keys, values)

    assert taken.item() > 0.9
