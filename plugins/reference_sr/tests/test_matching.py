"""Matching equals the paper's formula, for any sizes, parts and number of references."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from archivist_reference_sr.matching import (
    NONE,
    Blocks,
    Matcher,
    Matches,
    match,
    soft_attention,
)
from archivist_reference_sr.patches import bordered

SMALL = Blocks(queries=4, rows=3, columns=5)


def features(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator).relu()


def assert_best(found: Matches, relevance: Tensor, width: int) -> None:
    """Same similarity; same index wherever the second best is clearly worse."""
    best, second = relevance.topk(2, dim=0).values
    assert torch.allclose(found.similarity.flatten().double(), best, rtol=0, atol=1e-6)
    clear = best - second >= 1e-5
    assert clear.float().mean() > 0.5
    index = (found.row * width + found.column).flatten()
    assert torch.equal(index[clear].long(), relevance.argmax(0)[clear])


@pytest.mark.parametrize(
    ("ours", "theirs"), [((9, 13), (11, 7)), ((1, 1), (4, 3)), ((6, 5), (1, 2)), ((17, 3), (3, 17))]
)
@pytest.mark.parametrize("blocks", [SMALL, None])
def test_matches_are_those_of_the_papers_formula(
    paper, generator, ours: tuple[int, int], theirs: tuple[int, int], blocks: Blocks | None
) -> None:
    queries, keys = features(generator, 8, *ours), features(generator, 8, *theirs)
    matcher = Matcher(queries, blocks=blocks)

    matcher.search(bordered(keys))

    assert_best(matcher.matches(), paper.relevance(queries, keys), theirs[1])


def test_negative_similarities_are_found_too(paper, generator) -> None:
    keys = features(generator, 4, 5, 6)
    queries = -features(generator, 4, 7, 4)
    matcher = Matcher(queries, blocks=SMALL)

    matcher.search(bordered(keys))

    relevance = paper.relevance(queries, keys)
    assert (relevance.amax(0) < 0).any()
    assert_best(matcher.matches(), relevance, 6)


def test_parts_of_a_reference_give_the_matches_of_the_whole(generator) -> None:
    queries, keys = features(generator, 6, 8, 9), features(generator, 6, 10, 12)
    whole, parts, padded = match(queries, keys), Matcher(queries), bordered(keys)

    for top, left in product((0, 4, 8), (0, 7)):
        bottom, right = min(top + 4, 10), min(left + 7, 12)
        parts.search(padded[:, top : bottom + 2, left : right + 2], origin=(top, left))

    found = parts.matches()
    assert torch.equal(found.row, whole.row)
    assert torch.equal(found.column, whole.column)
    assert torch.allclose(found.similarity, whole.similarity, atol=1e-6)


def test_the_best_of_several_references_of_different_sizes_is_kept(paper, generator) -> None:
    queries = features(generator, 6, 7, 8)
    references = [features(generator, 6, *size) for size in ((5, 6), (9, 4), (3, 11))]
    matcher = Matcher(queries, blocks=SMALL)

    for number, keys in enumerate(references):
        matcher.search(bordered(keys), number)

    found = matcher.matches()
    best = torch.stack([paper.relevance(queries, keys).amax(0) for keys in references])
    assert torch.equal(found.source.flatten().long(), best.argmax(0))
    assert torch.allclose(found.similarity.flatten().double(), best.amax(0), atol=1e-6)
    assert len(found.source.unique()) == 3


def test_of_equal_positions_the_first_is_taken(generator) -> None:
    tile = features(generator, 5, 4, 4)
    keys = tile.repeat(1, 3, 3)
    matcher = Matcher(tile, blocks=SMALL)

    matcher.search(bordered(keys), 0)
    matcher.search(bordered(keys), 1)

    found = matcher.matches()
    assert (found.source == 0).all()
    assert (found.row[1:-1, 1:-1] == torch.tensor([[1], [2]])).all()
    assert (found.column[1:-1, 1:-1] == torch.tensor([1, 2])).all()


def test_empty_features_have_no_similarity(generator) -> None:
    found = match(torch.zeros(3, 2, 2), features(generator, 3, 4, 4))

    assert (found.similarity == 0).all()
    assert (found.row == 0).all()


def test_without_a_reference_there_is_no_source(generator) -> None:
    found = Matcher(features(generator, 3, 2, 5)).matches()

    assert (found.source == NONE).all()
    assert (found.similarity == 0).all()


def test_soft_attention_is_the_similarity_of_the_match(generator) -> None:
    queries, keys = features(generator, 6, 5, 7), features(generator, 6, 8, 4)
    found = match(queries, keys)

    again = soft_attention(queries, keys, found)

    assert torch.allclose(again, found.similarity, atol=1e-6)


def test_soft_attention_passes_gradients_even_where_features_are_zero(generator) -> None:
    queries = features(generator, 3, 4, 4)
    queries[:, :, 2:] = 0
    keys = features(generator, 3, 4, 4).requires_grad_()
    queries.requires_grad_()

    soft_attention(queries, keys, match(queries, keys)).sum().backward()

    for leaf in (queries, keys):
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
        assert leaf.grad.any()


def correlated(generator: torch.Generator, *size: int) -> Tensor:
    """Features of 80 channels, most of whose energy lies in 8 directions, as pictures have it."""
    few, noise = features(generator, 8, *size), features(generator, 80, *size)
    mix = torch.randn(80, 8, generator=torch.Generator().manual_seed(0))
    return (mix @ few.flatten(1)).view(80, *size) + 0.1 * noise


def test_fast_matches_are_nearly_as_similar_as_exact_ones(generator) -> None:
    queries, keys = correlated(generator, 9, 12), correlated(generator, 14, 11)
    exact, matcher = match(queries, keys), Matcher(queries, fast=True)

    matcher.search(bordered(keys))

    loss = exact.similarity - matcher.matches().similarity
    assert loss.min() > -1e-6
    assert loss.mean() < 1e-3


def test_the_similarity_of_fast_matches_is_exact(generator) -> None:
    queries, keys = correlated(generator, 6, 7), correlated(generator, 8, 9)
    matcher = Matcher(queries, fast=True)

    for top in (0, 4):
        matcher.search(bordered(keys)[:, top : top + 6], origin=(top, 0))

    found = matcher.matches()
    assert torch.allclose(found.similarity, soft_attention(queries, keys, found), atol=1e-6)
