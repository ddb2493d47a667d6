"""Nearest vectors by a graph (HNSW, of the library usearch), for half a million vectors and more.

The graph only proposes: it gives more rows than are asked for, the rules are applied to them, and
what is left is scored exactly. Where too few are left, the exact engine answers the query, so that
a rule never costs a place. What the graph overlooks is lost: the exact engine is the truth.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import UsageError
from archivist.durable import replace_with, sync_file
from archivist.hashing import canonical_json, digest_file
from archivist.references.index import VectorIndex
from archivist.references.search import Allowed, best_rows, nearest_rows

if TYPE_CHECKING:
    from usearch.index import Index

FORMAT = 1
GRAPH, HEADER = "graph.usearch", "graph.json"
LINKS, BUILD_EFFORT, EFFORT = 16, 128, 256
"""Links of a vector, and candidates looked at when one is added and searched for (HNSW)."""
MORE = 4
"""Rows that the graph proposes for each that is asked for: some are refused, some of one asset."""
TOGETHER = 1 << 16
"""Rows added at a time."""


class Graph:
    """Proposes the nearest rows of an index; an engine like :func:`nearest_rows`.

    It lies beside the index and is brought up to date when it is opened: rows that were added since
    are added to it; it is made anew when it is of other rows or cannot be read. Its links depend on
    the order of the rows and, with several threads, on chance: two graphs of one archive may
    overlook other neighbours. Raises UsageError when usearch is not installed.
    """

    def __init__(self, index: VectorIndex, *, threads: int = 1) -> None:
        self._threads = threads
        self._graph = _opened(index)
        if len(self._graph) < len(index):
            self._extend(index)

    def __call__(
        self,
        vectors: NDArray[Any],
        owners: NDArray[Any],
        queries: NDArray[np.float32],
        *,
        k: int,
        allowed: Allowed | None = None,
    ) -> list[list[tuple[int, float]]]:
        """Return (row, cosine) of about the ``k`` nearest owners for each query."""
        count = min(MORE * k, len(vectors))
        found = []
        for number, rows in enumerate(self._proposed(queries, count)):
            own = allowed if allowed is None or allowed.ndim == 1 else allowed[number]
            best = best_rows(vectors, owners, queries[number], _only(rows, own), k)
            if len(best) < k and len(rows) < len(vectors):
                (best,) = nearest_rows(vectors, owners, queries[number, None], k=k, allowed=own)
            found.append(best)
        return found

    def _proposed(self, queries: NDArray[np.float32], count: int) -> Iterator[NDArray[np.int64]]:
        """Yield the rows that the graph finds for each query, about ``count``."""
        if not queries.size:
            return
        found = self._graph.search(queries, count, threads=self._threads)
        keys = np.reshape(found.keys, (len(queries), -1)).astype(np.int64)
        counts = getattr(found, "counts", [keys.shape[1]])  # a single query has no count
        for rows, filled in zip(keys, counts, strict=True):
            yield rows[: int(filled)]

    def _extend(self, index: VectorIndex) -> None:
        """Add the rows that are not in it, and keep it."""
        for start in range(len(self._graph), len(index), TOGETHER):
            rows = index.vectors[start : start + TOGETHER]
            keys = np.arange(start, start + len(rows), dtype=np.uint64)
            self._graph.add(keys, np.ascontiguousarray(rows), threads=self._threads)
        temporary = index.folder / f"{GRAPH}.part"
        self._graph.save(str(temporary))
        facts = _facts(index, len(self._graph), digest_file(temporary))
        sync_file(temporary)
        temporary.replace(index.folder / GRAPH)
        replace_with(index.folder / HEADER, canonical_json(facts))


def _only(rows: NDArray[np.int64], allowed: Allowed | None) -> NDArray[np.int64]:
    return rows if allowed is None else rows[allowed[rows]]


def _opened(index: VectorIndex) -> Index:
    """Return the graph beside an index, an empty one where there is none of its rows."""
    library, path = _library(), index.folder / GRAPH
    try:
        facts = json.loads((index.folder / HEADER).read_bytes())
        rows, digest = int(facts["rows"]), digest_file(path)
        if rows <= len(index) and facts == _facts(index, rows, digest):
            # A graph that nothing is added to is mapped, and read where a search goes.
            graph = library.Index.restore(str(path), view=rows == len(index))
            graph.expansion_add, graph.expansion_search = BUILD_EFFORT, EFFORT
            return graph
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return library.Index(
        ndim=index.model.dimensions,
        metric="ip",
        dtype="f16",
        connectivity=LINKS,
        expansion_add=BUILD_EFFORT,
        expansion_search=EFFORT,
    )


def _facts(index: VectorIndex, rows: int, digest: str) -> dict[str, Any]:
    """Return what the header of a graph says: of which rows it is, how made, and its own digest."""
    made = [LINKS, BUILD_EFFORT]
    return {
        "format": FORMAT,
        "rows": rows,
        "state": index.state(rows),
        "made": made,
        "digest": digest,
    }


def _library() -> Any:
    try:
        import usearch.index
    except ImportError as error:
        raise UsageError(
            "references.approximate_above needs the library usearch. Cure: pip install "
            "'archivist[usearch]', or set references.approximate_above to 0"
        ) from error
    return usearch.index
