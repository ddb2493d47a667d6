"""Near duplicates: all pairs within a distance, found without comparing all."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from archivist.scan import group_near, hamming, near_duplicates


def test_the_distance_is_the_number_of_bits_that_differ() -> None:
    assert hamming("0000000000000000", "000000000000000f") == 4
    assert hamming("ffffffffffffffff", "0000000000000000") == 64


@settings(deadline=None)
@given(
    seeds=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4),
    flips=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**64 - 1)), max_size=12),
    bits=st.integers(0, 16),
)
def test_the_pairs_are_those_of_a_comparison_of_all(
    seeds: list[int], flips: list[tuple[int, int]], bits: int
) -> None:
    codes = seeds + [
        seeds[at % len(seeds)] ^ (noise & noise >> 7 & noise << 3) for at, noise in flips
    ]
    hashes = {f"p{number}": f"{code % 2**64:016x}" for number, code in enumerate(codes)}
    names = list(hashes)
    expected = {
        (one, two, hamming(hashes[one], hashes[two]))
        for place, one in enumerate(names)
        for two in names[place + 1 :]
        if hamming(hashes[one], hashes[two]) <= bits
    }
    found = list(near_duplicates(hashes, bits=bits))
    assert set(found) == expected
    assert len(found) == len(expected)


def test_groups_join_what_is_near_to_a_member() -> None:
    hashes = {"a": "0" * 16, "far": "f" * 16, "b": "0" * 15 + "f", "c": "0" * 14 + "ff"}
    assert group_near(hashes, bits=4) == (("a", "b", "c"),)


def test_twenty_thousand_hashes_are_compared_in_seconds() -> None:
    codes = np.random.default_rng(0).integers(0, 2**64, 20_000, dtype=np.uint64)
    hashes = {f"p{number}": f"{int(code):016x}" for number, code in enumerate(codes)}
    hashes["twin"] = f"{int(codes[7]) ^ 5:016x}"
    start = time.perf_counter()
    pairs = list(near_duplicates(hashes))
    assert ("p7", "twin", 2) in pairs
    assert time.perf_counter() - start < 20
