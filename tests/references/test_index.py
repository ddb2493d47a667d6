"""The index: exact, appended without rebuild, safe at any moment, of one model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from archivist import durable
from archivist.api.errors import CatalogError
from archivist.api.values import Embedding
from archivist.references import search
from archivist.references.header import EmbeddingModel
from archivist.references.index import VectorIndex, open_index

Made = Callable[..., list[tuple[str, Embedding]]]
Named = Callable[[int], str]


def vectors_of(entries: Sequence[tuple[str, Embedding]]) -> np.ndarray:
    return np.concatenate([embedding.vectors for _, embedding in entries])


def by_sorting(
    entries: Sequence[tuple[str, Embedding]], query: np.ndarray, k: int
) -> list[tuple[str, tuple[int, int, int, int]]]:
    """The plain way: score everything, sort, keep the best region of each asset."""
    scored = [
        (-float(vector.astype(np.float16).astype(np.float64) @ query), name, region)
        for name, embedding in entries
        for vector, region in zip(embedding.vectors, embedding.regions, strict=True)
    ]
    best: dict[str, tuple[int, int, int, int]] = {}
    for _, name, region in sorted(scored):
        best.setdefault(name, region)
    return list(best.items())[:k]


@pytest.mark.parametrize("regions", [1, 3])
def test_a_search_finds_what_sorting_all_scores_finds(
    index: VectorIndex, embedded: Made, monkeypatch: pytest.MonkeyPatch, regions: int
) -> None:
    monkeypatch.setattr(search, "BLOCK", 7)
    monkeypatch.setattr(search, "QUERIES", 4)
    entries = embedded(range(60), regions)
    index.append(entries)
    queries = vectors_of(embedded(range(100, 110)))
    for query, found in zip(queries, index.search(queries, k=5), strict=True):
        places = [(match.place.asset, match.place.region) for match in found]
        assert places == by_sorting(entries, query, 5)


def test_what_is_found_is_in_falling_order_with_its_cosine(
    index: VectorIndex, embedded: Made
) -> None:
    entries = embedded(range(40))
    index.append(entries)
    (found,) = index.search(entries[3][1].vectors, k=10)
    cosines = [match.cosine for match in found]
    assert found[0].place.asset == entries[3][0]
    assert cosines[0] == pytest.approx(1, abs=1e-3)
    assert cosines == sorted(cosines, reverse=True)


def test_a_mask_for_all_queries_is_applied_before_the_best_are_chosen(
    index: VectorIndex, embedded: Made, asset: Named
) -> None:
    entries = embedded(range(40))
    index.append(entries)
    allowed = index.mask_of([asset(30), asset(31)])
    (found,) = index.search(entries[3][1].vectors, k=5, allowed=allowed)
    assert {match.place.asset for match in found} == {asset(30), asset(31)}


def test_a_mask_may_differ_from_query_to_query(
    index: VectorIndex, embedded: Made, asset: Named
) -> None:
    entries = embedded(range(10))
    index.append(entries)
    allowed = np.stack([~index.mask_of([asset(2)]), ~index.mask_of([asset(3)])])
    queries = vectors_of(entries[2:4])
    first, second = index.search(queries, k=10, allowed=allowed)
    assert asset(2) not in {match.place.asset for match in first}
    assert asset(2) in {match.place.asset for match in second}


def test_an_empty_index_finds_nothing(index: VectorIndex, embedded: Made) -> None:
    assert index.search(embedded([1])[0][1].vectors, k=3) == ((),)


def test_equal_vectors_come_in_the_order_of_their_assets(
    index: VectorIndex, embedded: Made, asset: Named
) -> None:
    embedding = embedded([1])[0][1]
    names = [asset(number) for number in range(30)]
    index.append([(name, embedding) for name in names])
    (found,) = index.search(embedding.vectors, k=4)
    assert [match.place.asset for match in found] == sorted(names)[:4]


def test_an_appended_row_is_there_after_opening_again(
    index: VectorIndex, model: EmbeddingModel, embedded: Made
) -> None:
    entries = embedded(range(5))
    index.append(entries[:3])
    index.append(entries[3:])
    again = open_index(index.folder, model)
    assert len(again) == 5
    assert again.search(entries[4][1].vectors, k=1)[0][0].place.asset == entries[4][0]


def test_an_asset_is_added_once(index: VectorIndex, embedded: Made) -> None:
    assert index.append(embedded([1, 2, 1])) == 2
    assert index.append(embedded([2, 3])) == 1


def test_assets_whose_code_ends_in_zeros_are_kept_apart(index: VectorIndex, embedded: Made) -> None:
    one, other = embedded([1, 2])
    names = ["ab" * 31 + "00", "ab" * 30 + "0000"]
    assert index.append(zip(names, (one[1], other[1]), strict=True)) == 2
    assert index.missing([*names, "ab" * 32]) == ("ab" * 32,)
    assert [match.place.asset for match in index.search(one[1].vectors, k=2)[0]] == names


def test_a_page_of_a_file_is_an_asset_of_its_own(
    index: VectorIndex, embedded: Made, asset: Named
) -> None:
    embedding = embedded([1])[0][1]
    names = [asset(1), f"{asset(1)}#0", f"{asset(1)}#12"]
    index.append([(name, embedding) for name in names])
    assert {m.place.asset for m in index.search(embedding.vectors, k=5)[0]} == set(names)


def test_a_tail_that_was_torn_is_ignored_and_overwritten(
    index: VectorIndex, model: EmbeddingModel, embedded: Made
) -> None:
    index.append(embedded(range(3)))
    for name in ("rows.bin", "vectors.bin"):
        with (index.folder / name).open("ab") as stream:
            stream.write(b"\xff" * 517)
    again = open_index(index.folder, model)
    assert len(again) == 3
    again.append(embedded([3]))
    assert again.verify() == ()
    assert again.search(vectors_of(embedded([3])), k=1)[0][0].cosine == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("stage", ["vectors", "rows", "header"])
def test_an_append_that_dies_at_any_stage_leaves_the_index_as_it_was(
    index: VectorIndex,
    model: EmbeddingModel,
    embedded: Made,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
) -> None:
    index.append(embedded(range(3)))
    before = index.snapshot

    def die(*_: object) -> None:
        raise OSError("the power is gone")

    write = {"vectors": 0, "rows": 1, "header": 2}[stage]
    with monkeypatch.context() as patch:
        if write == 2:
            patch.setattr("archivist.references.header.replace_with", die)
        else:
            _dies_at(patch, write)
        with pytest.raises(OSError, match="power"):
            index.append(embedded([3]))
    again = open_index(index.folder, model)
    assert (len(again), again.snapshot, again.verify()) == (3, before, ())
    assert again.append(embedded([3])) == 1
    assert again.verify() == ()


def _dies_at(patch: pytest.MonkeyPatch, number: int) -> None:
    """Let the write of that number write half of its bytes and fail."""
    calls, write = [0], durable.write_at

    def half(path: Path, offset: int, data: bytes) -> None:
        calls[0] += 1
        if calls[0] == number + 1:
            write(path, offset, data[: len(data) // 2])
            raise OSError("the power is gone")
        write(path, offset, data)

    patch.setattr("archivist.references.index.write_at", half)


def test_a_snapshot_does_not_depend_on_the_order_of_adding(
    tmp_path: Path, model: EmbeddingModel, embedded: Made
) -> None:
    one, other = open_index(tmp_path / "a", model), open_index(tmp_path / "b", model)
    entries = embedded(range(20), 2)
    one.append(entries)
    for entry in reversed(entries):
        other.append([entry])
    assert one.snapshot == other.snapshot


def test_a_snapshot_changes_with_what_is_held(index: VectorIndex, embedded: Made) -> None:
    seen = {index.snapshot}
    for number in range(3):
        index.append(embedded([number]))
        seen.add(index.snapshot)
    assert len(seen) == 4


def test_a_snapshot_of_some_rows_is_that_of_an_index_of_them(
    tmp_path: Path, model: EmbeddingModel, embedded: Made, asset: Named
) -> None:
    whole, part = open_index(tmp_path / "a", model), open_index(tmp_path / "b", model)
    whole.append(embedded(range(6)))
    part.append(embedded([1, 4]))
    assert whole.snapshot_of(whole.mask_of([asset(4), asset(1)])) == part.snapshot


@pytest.mark.parametrize(
    "other",
    [
        EmbeddingModel(name="other", version="1", dimensions=16),
        EmbeddingModel(name="net", version="2", dimensions=16),
        EmbeddingModel(name="net", version="1", dimensions=8),
    ],
    ids=["name", "version", "dimensions"],
)
def test_another_model_is_refused_with_both_named_and_the_cure(
    index: VectorIndex, other: EmbeddingModel
) -> None:
    with pytest.raises(CatalogError, match=r"holds vectors of net \(version 1.*Cure: .*delete"):
        open_index(index.folder, other)


def test_an_embedding_of_another_model_is_refused(index: VectorIndex, embedded: Made) -> None:
    name, embedding = embedded([1])[0]
    foreign = replace(embedding, model="other")
    with pytest.raises(CatalogError, match="is of other with 16 dimensions"):
        index.append([(name, foreign)])


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_vector_that_cannot_be_compared_is_refused(
    index: VectorIndex, embedded: Made, value: float
) -> None:
    name, embedding = embedded([1])[0]
    bad = replace(embedding, vectors=np.full_like(embedding.vectors, value))
    with pytest.raises(ValueError, match="zero or not finite"):
        index.append([(name, bad)])


def test_the_length_of_a_query_does_not_matter(index: VectorIndex, embedded: Made) -> None:
    index.append(embedded(range(20)))
    query = vectors_of(embedded([100]))
    assert index.search(8 * query, k=5) == index.search(query, k=5)


def test_a_query_that_cannot_be_compared_is_refused(index: VectorIndex) -> None:
    with pytest.raises(ValueError, match="the queries have a vector that is zero"):
        index.search(np.zeros((1, 16), np.float32), k=1)


def test_queries_of_another_width_are_refused(index: VectorIndex) -> None:
    with pytest.raises(ValueError, match=r"give \(queries, 16\)"):
        index.search(np.ones((1, 5), np.float32), k=1)


def test_a_file_cut_short_is_named_with_the_cure(
    index: VectorIndex, model: EmbeddingModel, embedded: Made
) -> None:
    index.append(embedded(range(3)))
    path = index.folder / "vectors.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CatalogError, match=r"vectors\.bin is missing or too short\. Cure: delete"):
        open_index(index.folder, model)


def test_a_damaged_header_is_named(index: VectorIndex, model: EmbeddingModel) -> None:
    (index.folder / "index.json").write_bytes(b"{")
    with pytest.raises(CatalogError, match=r"index\.json cannot be read"):
        open_index(index.folder, model)


def test_a_later_format_is_refused(index: VectorIndex, model: EmbeddingModel) -> None:
    path = index.folder / "index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(CatalogError, match="has format 99"):
        open_index(index.folder, model)


def test_a_damaged_row_is_noticed_when_it_is_found(
    index: VectorIndex, model: EmbeddingModel, embedded: Made
) -> None:
    index.append(embedded(range(3)))
    path = index.folder / "vectors.bin"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    again = open_index(index.folder, model)
    assert again.verify() == (1,)
    with pytest.raises(CatalogError, match="row 1 is not as it was written"):
        again.search(vectors_of(embedded([1])), k=1)


def test_a_second_writer_is_refused(index: VectorIndex, embedded: Made) -> None:
    with (
        FileLock(index.folder / "index.lock"),
        pytest.raises(CatalogError, match="another process is adding"),
    ):
        index.append(embedded([1]))


def test_rows_that_another_process_added_are_kept(
    index: VectorIndex, model: EmbeddingModel, embedded: Made
) -> None:
    open_index(index.folder, model).append(embedded([1]))
    index.append(embedded([2]))
    assert len(open_index(index.folder, model)) == 2
    assert index.verify() == ()
