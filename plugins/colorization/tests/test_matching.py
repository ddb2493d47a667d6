"""Streamed matching gives what the whole matrix would give, exemplar by exemplar."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from archivist_colorization import matching
from archivist_colorization.matching import BEST, Matches, best_of, match


def unit(channels: int, count: int, seed: int) -> Tensor:
    x = torch.randn(channels, count, generator=torch.Generator().manual_seed(seed))
    return x / x.norm(dim=0, keepdim=True)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "QUERIES", 5)
    monkeypatch.setattr(matching, "KEYS", 7)


@pytest.mark.parametrize("temperature", [0.01, 0.3])
def test_chunks_give_the_softmax_of_the_whole_matrix(temperature: float) -> None:
    target, exemplar, values = unit(8, 23, 1), unit(8, 30, 2), torch.rand(3, 30)

    found = match(target, exemplar, values, temperature=temperature)

    weights = torch.softmax(target.T @ exemplar / temperature, dim=1)
    torch.testing.assert_close(found.values, (weights @ values.T).T, atol=1e-5, rtol=0)


def test_similarity_and_position_are_those_of_the_best_match() -> None:
    target, exemplar = unit(8, 23, 1), unit(8, 30, 2)

    found = match(target, exemplar, torch.rand(3, 30))

    top, where = (target.T @ exemplar).max(dim=1)
    torch.testing.assert_close(found.similarity, top)
    assert torch.equal(found.position, where)


def test_at_the_lowest_temperature_the_best_match_is_copied() -> None:
    values = torch.rand(3, 30)

    found = match(unit(8, 23, 1), unit(8, 30, 2), values, temperature=BEST)

    torch.testing.assert_close(found.values, values[:, found.position], atol=1e-6, rtol=0)


def test_each_position_takes_the_exemplar_that_is_most_similar_there() -> None:
    target, others = unit(8, 23, 1), [unit(8, 12, seed) for seed in (2, 3, 4)]
    colours = [torch.full((3, 12), float(n)) for n in range(3)]

    found = best_of(
        match(target, x, v, number=n) for n, (x, v) in enumerate(zip(others, colours, strict=True))
    )

    tops = torch.stack([(target.T @ x).amax(dim=1) for x in others])
    assert torch.equal(found.exemplar, tops.argmax(dim=0))
    assert torch.equal(found.values[0], found.exemplar.float())
    torch.testing.assert_close(found.similarity, tops.amax(dim=0))


def test_of_equal_exemplars_the_first_is_named() -> None:
    target, exemplar = unit(8, 9, 1), unit(8, 12, 2)

    found = best_of(match(target, exemplar, torch.rand(3, 12), number=n) for n in range(2))

    assert not found.exemplar.any()


def test_exemplars_are_let_go_one_after_another() -> None:
    alive: list[weakref.ref[Tensor]] = []

    def stream() -> Iterator[Matches]:
        for number in range(6):
            exemplar = unit(8, 12, number)
            alive.append(weakref.ref(exemplar))
            assert sum(ref() is not None for ref in alive) <= 2
            yield match(unit(8, 9, 9), exemplar, torch.rand(3, 12), number=number)

    best_of(stream())

    assert len(alive) == 6


def test_no_exemplar_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match="no exemplar"):
        best_of([])


def test_a_temperature_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        match(unit(8, 2, 1), unit(8, 3, 2), torch.rand(3, 3), temperature=0)


def test_values_for_other_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="3 positions, but values for 4"):
        match(unit(8, 2, 1), unit(8, 3, 2), torch.rand(3, 4))
