"""Search for the nearest vectors: what every engine promises, and the exact one.

The exact engine multiplies blocks of stored vectors with all queries at once and keeps, for each
query, the best so far: memory depends on the block, not on the size of the archive. Masks are
applied before the best are chosen, so that what a rule excludes never takes a place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archivist.references.rows import Place

BLOCK = 4096
"""Rows that are multiplied at a time: 21 MB of float32 at 1280 dimensions."""
QUERIES = 256
"""Queries that are multiplied at a time: more gain nothing and cost 4 MB of scores each."""
SPARE = 8
"""Rows kept beyond ``k`` in single precision, so that rounding cannot push out a true one."""

_NO_SIGN_COPIES = np.int32(-0x70000001)
"""Clears bits 28 to 30: a shift of a negative int16 has filled them with its sign."""
_EXPONENT = np.float32(2.0**112)
"""float32 counts exponents from 127, float16 from 15."""

Allowed = NDArray[np.bool_]
"""Rows that may be found: (rows,) for all queries, or (queries, rows)."""


@dataclass(frozen=True, slots=True)
class Match:
    """A place of the archive that looks like a query; ``cosine`` is -1..1."""

    place: Place
    cosine: float


class NearestRows(Protocol):
    """An engine: :func:`nearest_rows`, or another for larger archives."""

    def __call__(
        self,
        vectors: NDArray[Any],
        owners: NDArray[Any],
        queries: NDArray[np.float32],
        *,
        k: int,
        allowed: Allowed | None = None,
    ) -> list[list[tuple[int, float]]]:
        """Return (row, cosine) of the ``k`` nearest owners for each query; see nearest_rows."""
        ...


class _Best:
    """The best rows of one query so far, one an owner, by falling score.

    Rows wait until there are enough of them: sorting costs more than the product of a block.
    """

    def __init__(self, owners: NDArray[Any], keep: int) -> None:
        self.rows, self.scores = np.empty(0, np.int64), np.empty(0, np.float32)
        self._owners, self._keep = owners, keep
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
        self._count = 0

    def add(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        """Take more rows in."""
        self._waiting.append((rows, scores))
        self._count += len(rows)
        if len(self.rows) < self._keep or self._count > 4 * self._keep:
            self.settle()

    def settle(self) -> None:
        """Sort in what waits: exact, ties by owner."""
        rows = np.concatenate([self.rows, *(rows for rows, _ in self._waiting)])
        scores = np.concatenate([self.scores, *(scores for _, scores in self._waiting)])
        self._waiting, self._count = [], 0
        for limit in (4 * self._keep, len(rows)):
            if self._take(*_highest(rows, scores, limit)):
                break

    def _take(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> bool:
        """Keep the best row of each owner; tell whether there were owners enough."""
        names = self._owners[rows]
        order = np.lexsort((rows, names, -scores))
        _, first = np.unique(names[order], return_index=True)
        order = order[np.sort(first)[: self._keep]]
        self.rows, self.scores = rows[order], scores[order]
        return len(order) == self._keep


def _highest(
    rows: NDArray[np.int64], scores: NDArray[np.float32], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows of the highest scores, all that are as good as the last of ``limit``."""
    if len(rows) <= limit:
        return rows, scores
    good = scores >= np.partition(scores, -limit)[-limit]
    return rows[good], scores[good]


def nearest_rows(
    vectors: NDArray[Any],
    owners: NDArray[Any],
    queries: NDArray[np.float32],
    *,
    k: int,
    allowed: Allowed | None = None,
) -> list[list[tuple[int, float]]]:
    """Return (row, cosine) of the ``k`` nearest owners for each query, the best row of each owner.

    ``vectors`` is (rows, dimensions) of float16, mapped or not; ``owners`` (rows,) of bytes tells
    whose a row is. The result is exact: the last order is made in double precision, so that
    it does not depend on blocks, on threads, nor on the order in which assets were added.
    """
    found: list[list[tuple[int, float]]] = []
    for start in range(0, len(queries), QUERIES):
        part = np.ascontiguousarray(queries[start : start + QUERIES], np.float32)
        masks = allowed
        if allowed is not None and allowed.ndim == 2:
            masks = allowed[start : start + QUERIES]
        best = _scan(vectors, owners, part, keep=k + SPARE, allowed=masks)
        found += [
            _exactly(vectors, owners, query, one.rows, k)
            for query, one in zip(part, best, strict=True)
        ]
    return found


def _scan(
    vectors: NDArray[Any],
    owners: NDArray[Any],
    queries: NDArray[np.float32],
    *,
    keep: int,
    allowed: Allowed | None,
) -> list[_Best]:
    best = [_Best(owners, keep) for _ in queries]
    # Above the minus infinity of what is masked, so that it never passes.
    floors = np.full(len(queries), np.finfo(np.float32).min)
    each = allowed if allowed is not None and allowed.ndim == 2 else None
    anyone = allowed if each is None else np.logical_or.reduce(each, axis=0)
    for rows, block in _blocks(vectors, anyone):
        scores = queries @ block.T
        if each is not None:
            scores[~each[:, rows]] = -np.inf
        for number in np.flatnonzero(scores.max(axis=1) >= floors):
            columns = np.flatnonzero(scores[number] >= floors[number])
            one = best[number]
            one.add(rows[columns], scores[number, columns])
            if len(one.rows) == keep:
                floors[number] = one.scores[-1]
    for one in best:
        one.settle()
    return best


def _blocks(
    vectors: NDArray[Any], allowed: Allowed | None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield the numbers and, in single precision, the vectors of the allowed rows.

    The array of vectors is the same each time.
    """
    buffer = np.empty((min(BLOCK, len(vectors)), vectors.shape[1]), np.float32)
    for start in range(0, len(vectors), BLOCK):
        stop = min(start + BLOCK, len(vectors))
        rows = np.arange(start, stop)
        if allowed is not None:
            rows = rows[allowed[start:stop]]
        if len(rows) == 0:
            continue
        block = buffer[: len(rows)]
        whole = len(rows) == stop - start
        widen(vectors[start:stop] if whole else vectors[rows], block)
        yield rows, block


def widen(halves: NDArray[np.float16], out: NDArray[np.float32]) -> None:
    """Write finite float16 values into an array of float32 of the same shape, exactly.

    Five times as fast as numpy's cast, which goes value by value: the bits are moved to where
    float32 has them, and the product with 2**112 mends the exponent, of subnormal numbers too.
    """
    bits = out.view(np.int32)
    np.copyto(bits, halves.view(np.int16))
    np.left_shift(bits, 13, out=bits)
    np.bitwise_and(bits, _NO_SIGN_COPIES, out=bits)
    np.multiply(out, _EXPONENT, out=out)


def best_rows(
    vectors: NDArray[Any],
    owners: NDArray[Any],
    query: NDArray[np.float32],
    rows: NDArray[np.int64],
    k: int,
) -> list[tuple[int, float]]:
    """Return (row, cosine) of the ``k`` nearest owners of some rows, the best row of each."""
    ordered = _exactly(vectors, owners, query, rows, len(rows))
    best: dict[Any, tuple[int, float]] = {}
    for row, cosine in ordered:
        best.setdefault(owners[row], (row, cosine))
    return list(best.values())[:k]


def _exactly(
    vectors: NDArray[Any],
    owners: NDArray[Any],
    query: NDArray[np.float32],
    rows: NDArray[np.int64],
    k: int,
) -> list[tuple[int, float]]:
    """Score rows again in double precision and return the ``k`` best."""
    scores = vectors[rows].astype(np.float64) @ query.astype(np.float64)
    scores = np.clip(np.round(scores, 9), -1, 1)
    order = np.lexsort((owners[rows], -scores))[:k]
    return [(int(rows[at]), float(scores[at])) for at in order]
