import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from archivist.api.errors import UsageError
from archivist.api.values import Embedding
from archivist.references.approximate import GRAPH, HEADER, Graph
from archivist.references.header import EmbeddingModel
from archivist.references.index import VectorIndex, open_index

DIMENSIONS, COUNT = 32, 1200
Asset = Callable[[int], str]


def clustered(count: int, seed: int) -> NDArray[np.float32]:
    """Return vectors around 60 centres, as pictures of an archive are."""
    centres = np.random.default_rng(99).standard_normal((60, DIMENSIONS))
    draw = np.random.default_rng(seed)
    near = centres[draw.integers(0, 60, count)]
    return (near + 0.7 * draw.standard_normal((count, DIMENSIONS))).astype(np.float32)


@pytest.fixture
def append(asset: Asset) -> Callable[[VectorIndex, range], None]:
    """Add assets by number, each third of them with two regions."""

    def add(index: VectorIndex, numbers: range) -> None:
        for number in numbers:
            vectors = clustered(1 + (number % 3 == 0), seed=number)
            places = tuple((10 * at, 0, 100, 80) for at in range(len(vectors)))
            value = Embedding(vectors=vectors, regions=places, model="net")
            batch.append((asset(number), value))
        index.append(batch)
        batch.clear()

    batch: list[tuple[str, Embedding]] = []
    return add


@pytest.fixture
def filled(tmp_path: Path, append) -> VectorIndex:
    model = EmbeddingModel(name="net", version="1", dimensions=DIMENSIONS)
    index = open_index(tmp_path / "index", model)
    append(index, range(COUNT))
    return index


def searched(index: VectorIndex, engine=None, **options):
    again = open_index(index.folder, index.model)
    if engine is not None:
        again.nearest = engine
    return again.search(clustered(40, seed=10_000), **options)


def recall(found, truth) -> float:
    pairs = list(zip(found, truth, strict=True))
    same = sum(
        len({m.place.asset for m in some} & {m.place.asset for m in all_}) for some, all_ in pairs
    )
    return same / sum(len(all_) for _, all_ in pairs)


def test_a_graph_finds_what_the_exact_engine_finds(filled):
    truth, found = searched(filled, k=10), searched(filled, Graph(filled), k=10)
    assert recall(found, truth) >= 0.98


def test_what_it_finds_has_the_cosine_and_the_order_of_the_exact_engine(filled):
    truth, found = searched(filled, k=10), searched(filled, Graph(filled), k=10)
    for some, exact in zip(found, truth, strict=True):
        common = [match for match in some if match in exact]
        assert len(common) >= 8
        assert common == [match for match in exact if match in common]


def test_an_asset_is_found_once_by_its_best_region(filled):
    for some in searched(filled, Graph(filled), k=20):
        assert len({m.place.asset for m in some}) == len(some) == 20


@pytest.mark.parametrize("each", [False, True])
def test_a_rule_never_costs_a_place(filled, each):
    allowed = np.random.default_rng(1).random(len(filled)) < 0.02
    if each:
        allowed = np.stack([np.roll(allowed, number) for number in range(40)])
    truth = searched(filled, k=10, allowed=allowed)
    assert searched(filled, Graph(filled), k=10, allowed=allowed) == truth


def test_where_less_is_allowed_than_asked_for_all_of_it_is_found(filled, asset):
    allowed = filled.mask_of([asset(3), asset(5)])
    found = searched(filled, Graph(filled), k=10, allowed=allowed)
    assert all({m.place.asset for m in some} == {asset(3), asset(5)} for some in found)


def test_a_graph_is_kept_and_read_again(filled, monkeypatch):
    first = searched(filled, Graph(filled), k=5)
    monkeypatch.setattr(Graph, "_extend", None)  # nothing is to be added
    assert searched(filled, Graph(filled), k=5) == first


def test_rows_that_were_added_since_are_added_to_it(filled, append, asset):
    Graph(filled)
    append(filled, range(COUNT, COUNT + 50))
    index = open_index(filled.folder, filled.model)
    index.nearest = Graph(index)
    query = index.embedding_of(asset(COUNT + 7))[1][:1]
    assert index.search(query, k=1)[0][0].place.asset == asset(COUNT + 7)


def change_graph(folder: Path) -> None:
    data = bytearray((folder / GRAPH).read_bytes())
    data[len(data) // 2] ^= 255
    (folder / GRAPH).write_bytes(data)


def lose_graph(folder: Path) -> None:
    (folder / GRAPH).unlink()


def spoil_header(folder: Path) -> None:
    (folder / HEADER).write_text("{")


@pytest.mark.parametrize("harm", [change_graph, lose_graph, spoil_header])
def test_a_damaged_graph_is_made_anew(filled, harm):
    Graph(filled)
    harm(filled.folder)
    assert recall(searched(filled, Graph(filled), k=5), searched(filled, k=5)) >= 0.98


def test_a_graph_of_other_rows_is_made_anew(tmp_path, filled, append, asset):
    Graph(filled)
    other = open_index(tmp_path / "other", filled.model)
    append(other, range(100, 100 + COUNT))
    for name in (GRAPH, HEADER):
        (other.folder / name).write_bytes((filled.folder / name).read_bytes())
    other.nearest = Graph(other)
    query = other.embedding_of(asset(COUNT + 50))[1][:1]
    assert other.search(query, k=1)[0][0].place.asset == asset(COUNT + 50)


def test_the_snapshot_stays_that_of_the_vectors(filled):
    before = filled.snapshot
    filled.nearest = Graph(filled)
    assert filled.snapshot == before


def test_an_empty_index_and_no_queries_find_nothing(tmp_path, filled):
    empty = open_index(tmp_path / "empty", filled.model)
    empty.nearest = Graph(empty)
    assert empty.search(clustered(2, seed=1), k=3) == ((), ())
    filled.nearest = Graph(filled)
    assert filled.search(clustered(0, seed=1), k=3) == ()


def test_without_the_library_the_error_says_how_to_get_it(filled, monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(UsageError, match=r"pip install 'archivist\[usearch\]'"):
        Graph(filled)
