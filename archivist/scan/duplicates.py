"""Near duplicates: pictures whose perceptual hashes differ in few bits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_BITS = 64
_ONES = np.array([number.bit_count() for number in range(1 << 16)], dtype=np.uint8)


def hamming(first: str, second: str) -> int:
    """Return the number of bits in which two perceptual hashes (hex) differ, 0..64."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def near_duplicates(hashes: Mapping[str, str], *, bits: int = 6) -> Iterator[tuple[str, str, int]]:
    """Yield the pairs of names whose hashes differ in at most ``bits`` bits, with the difference.

    ``hashes`` maps a name (an asset) to its 64-bit hash in hex. Two hashes that differ in at most
    ``bits`` bits agree in at least one of ``bits + 1`` bands, so only names that share a band are
    compared: 100,000 hashes take seconds, not the five thousand million comparisons of all pairs.
    Each pair comes once, in the order of the mapping.
    """
    names = list(hashes)
    codes = np.array([int(hashes[name], 16) for name in names], dtype=np.uint64)
    bands = _bands(bits + 1)
    for number, (shift, mask) in enumerate(bands):
        keys = (codes >> np.uint64(shift)) & np.uint64(mask)
        for members in _shared(keys):
            yield from (
                (names[first], names[second], distance)
                for first, second, distance in _close(codes, members, bits)
                if _first_shared_band(codes[first] ^ codes[second], bands) == number
            )


def group_near(hashes: Mapping[str, str], *, bits: int = 6) -> tuple[tuple[str, ...], ...]:
    """Return the groups of two and more names that near duplicates connect, in mapping order."""
    leader = {name: name for name in hashes}
    for first, second, _ in near_duplicates(hashes, bits=bits):
        leader[_find(leader, second)] = _find(leader, first)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in hashes:
        groups[_find(leader, name)].append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _find(leader: dict[str, str], name: str) -> str:
    while leader[name] != name:
        leader[name] = leader[leader[name]]  # halves the way for the next search
        name = leader[name]
    return name


def _bands(count: int) -> list[tuple[int, int]]:
    """Cut 64 bits into bands of nearly equal width: (shift, mask) of each."""
    edges = [_BITS * number // count for number in range(count + 1)]
    return [(low, (1 << (high - low)) - 1) for low, high in pairwise(edges)]


def _shared(keys: NDArray[np.uint64]) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of equal keys, for keys that occur more than once."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    for members in np.split(order, starts):
        if len(members) > 1:
            yield members


def _close(
    codes: NDArray[np.uint64], members: NDArray[np.intp], bits: int
) -> Iterator[tuple[int, int, int]]:
    for place, first in enumerate(members[:-1]):
        others = members[place + 1 :]
        different = (codes[others] ^ codes[first]).view(np.uint16).reshape(-1, 4)
        distance = _ONES[different].sum(axis=1)
        for at in np.flatnonzero(distance <= bits):
            yield int(first), int(others[at]), int(distance[at])


def _first_shared_band(difference: np.uint64, bands: Sequence[tuple[int, int]]) -> int:
    number = int(difference)
    return next(at for at, (shift, mask) in enumerate(bands) if not (number >> shift) & mask)
