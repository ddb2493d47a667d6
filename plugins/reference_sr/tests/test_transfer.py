"""Transfer equals fold of unfolded patches, whole or in windows, from one reference or several."""

from __future__ import annotations

import pytest
import torch

from archivist_reference_sr.matching import NONE, Matches
from archivist_reference_sr.transfer import Sources, assembled, table, transfer


def random_matches(
    generator: torch.Generator, size: tuple[int, int], keys: tuple[int, int], references: int = 1
) -> Matches:
    def draw(stop: int) -> torch.Tensor:
        return torch.randint(stop, size, generator=generator, dtype=torch.int32)

    similarity = torch.rand(size, generator=generator)
    return Matches(
        source=draw(references), row=draw(keys[0]), column=draw(keys[1]), similarity=similarity
    )


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_transfer_is_that_of_the_papers_fold(paper, generator, scale: int) -> None:
    matches = random_matches(generator, (7, 5), (4, 6))
    values = torch.randn(3, 4 * scale, 6 * scale, generator=generator)

    found = transfer(values, matches, scale)

    assert torch.allclose(found.double(), paper.transfer(values, matches, scale), atol=1e-6)


def test_a_table_is_assembled_again(generator) -> None:
    values = torch.randn(3, 12, 8, generator=generator)

    assert torch.equal(assembled(table(values, 4), 3, 2, 4), values)


def test_windows_and_parts_of_references_give_the_same_texture(generator) -> None:
    matches = random_matches(generator, (6, 8), (5, 7), references=2)
    values = [table(torch.randn(3, 10, 14, generator=generator), 2) for _ in range(2)]
    grid = torch.arange(35).view(5, 7)

    def gathered(window: tuple[slice, slice], parts: list[tuple[slice, slice]]) -> torch.Tensor:
        sources = Sources.of(matches, window)
        height, width = (part.stop - part.start for part in window)
        into = torch.zeros(height * width, 12)
        for number in sources.numbers():
            for box in parts:
                part = sources.within(number, box)
                if part:
                    part.lend(values[number][grid[box].flatten()], into)
        return assembled(into, height, width, 2)

    whole = gathered((slice(0, 6), slice(0, 8)), [(slice(0, 5), slice(0, 7))])
    quarters = [(r, c) for r in (slice(0, 2), slice(2, 5)) for c in (slice(0, 4), slice(4, 7))]
    window = gathered((slice(2, 6), slice(1, 4)), quarters)

    assert torch.allclose(window, whole[:, 4:12, 2:8], atol=1e-6)


def test_positions_without_a_source_borrow_nothing(generator) -> None:
    matches = random_matches(generator, (4, 4), (3, 3))
    matches.source.fill_(NONE)

    assert Sources.of(matches).numbers() == []
    assert not transfer(torch.ones(2, 3, 3), matches, 1).any()


def test_gradients_reach_the_values(generator) -> None:
    matches = random_matches(generator, (5, 5), (4, 4))
    values = torch.randn(2, 8, 8, generator=generator, requires_grad=True)

    transfer(values, matches, 2).sum().backward()

    assert values.grad is not None
    lent = torch.zeros(4, 4, dtype=torch.bool)
    lent[matches.row.long(), matches.column.long()] = True
    assert (values.grad[:, ::2, ::2][:, lent] > 0).all()
