"""Near duplicates: pairs of 64-bit perceptual hashes that differ in few bits, without n² compares.

Two hashes that differ in at most d bits agree in at least one of their four 16-bit chunks up to
d // 4 bits (pigeonhole), so only hashes that share such a chunk are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]

MAX_DISTANCE = 11
"""Above this, three bits of a chunk may differ and nearly everything is compared."""

_CHUNK = np.uint64(0xFFFF)
_BITS = np.array([n.bit_count() for n in range(1 << 16)], dtype=np.uint8)


def near_pairs(hashes: Hashes, max_distance: int) -> Iterator[tuple[int, int, int]]:
    """Yield (first index, second index, distance), each pair once, first < second.

    Equal hashes are paired with the first of them only: a thousand blank pages give a thousand
    pairs, not half a million. Raises ValueError for a distance outside 0..11.
    """
    if not 0 <= max_distance <= MAX_DISTANCE:
        raise ValueError(f"max_distance is {max_distance}; allowed: 0..{MAX_DISTANCE}")
    unique, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    for index in np.flatnonzero(first[group] != np.arange(len(hashes))):
        yield int(first[group[index]]), int(index), 0
    if max_distance == 0 or len(unique) < 2:
        return
    seen: set[tuple[int, int]] = set()
    for left, right in _candidates(unique, max_distance // 4):
        distance = _distances(unique[left], unique[right])
        for n in np.flatnonzero(distance <= max_distance):
            pair = sorted((int(first[left[n]]), int(first[right[n]])))
            key = (pair[0], pair[1])
            if key not in seen:
                seen.add(key)
                yield (*key, int(distance[n]))


def _distances(left: Hashes, right: Hashes) -> NDArray[np.int64]:
    differing = left ^ right
    total = np.zeros(len(differing), dtype=np.int64)
    for shift in range(0, 64, 16):
        total += _BITS[((differing >> np.uint64(shift)) & _CHUNK).astype(np.intp)]
    return total


def _candidates(unique: Hashes, radius: int) -> Iterator[Pairs]:
    for shift in range(0, 64, 16):
        chunk = ((unique >> np.uint64(shift)) & _CHUNK).astype(np.int64)
        order = np.argsort(chunk, kind="stable")
        ordered = chunk[order]
        for mask in _masks(radius):
            yield from _partners(order, ordered, mask)


def _masks(radius: int) -> Iterator[int]:
    for count in range(radius + 1):
        for bits in combinations(range(16), count):
            yield sum(1 << bit for bit in bits)


def _partners(order: NDArray[np.intp], ordered: NDArray[np.int64], mask: int) -> Iterator[Pairs]:
    """Yield index pairs whose chunks differ exactly by ``mask``, in blocks of at most n pairs."""
    wanted = ordered ^ mask
    start = np.searchsorted(ordered, wanted, side="left")
    end = np.searchsorted(ordered, wanted, side="right")
    here = np.arange(len(ordered))
    if mask == 0:
        start = here + 1
    else:
        end = np.where(ordered < wanted, end, start)  # each pair from its smaller chunk only
    while (alive := np.flatnonzero(start < end)).size:
        here, start, end = here[alive], start[alive], end[alive]
        yield order[here].astype(np.int64), order[start].astype(np.int64)
        start = start + 1
