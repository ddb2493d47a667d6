"""The Merkle tree against known roots, against a reading of the RFC word for word, and by rule."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archivist.ledger.merkle import EMPTY_ROOT, Frontier, Tree, is_consistent, is_included

# The leaves and roots that implementations of Certificate Transparency test with.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it is written there."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return sha(b"\0" + leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b"\1" + mth(leaves[:k]) + mth(leaves[k:]))


def numbered(count: int) -> list[bytes]:
    return [number.to_bytes(2, "big") for number in range(count)]


def test_the_empty_tree_has_the_hash_of_nothing():
    assert Frontier().root() == Tree().root() == EMPTY_ROOT == sha(b"")


@pytest.mark.parametrize("size", range(1, 9))
def test_the_known_roots_come_out(size):
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert frontier.root().hex() == Tree(LEAVES).root(size).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            3,
            ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
        ),
    ],
)
def test_the_known_inclusion_proofs_come_out(index, size, path):
    assert [node.hex() for node in Tree(LEAVES).inclusion(index, size)] == path


@pytest.mark.parametrize(
    ("first", "second", "path"),
    [
        (1, 1, []),
        (
            1,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ],
)
def test_the_known_consistency_proofs_come_out(first, second, path):
    assert [node.hex() for node in Tree(LEAVES).consistency(first, second)] == path


@settings(deadline=None, max_examples=25)
@given(st.lists(st.binary(max_size=40), max_size=70))
def test_both_ways_to_the_root_say_what_the_rfc_says(leaves):
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert frontier.root() == Tree(leaves).root() == mth(leaves)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 200), st.integers(0, 200))
def test_a_frontier_goes_on_where_another_stopped(before, after):
    leaves = numbered(before + after)
    first = Frontier()
    for leaf in leaves[:before]:
        first.append(leaf)
    second = Frontier(first.size, first.roots)
    for leaf in leaves[before:]:
        second.append(leaf)
    assert (second.size, second.root()) == (before + after, mth(leaves))


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_every_leaf_is_proved_and_nothing_else_is(data):
    size = data.draw(st.integers(1, 130))
    index = data.draw(st.integers(0, size - 1))
    leaves, extra = numbered(size), data.draw(st.integers(0, 20))
    tree = Tree([*leaves, *numbered(extra)])
    path, root = tree.inclusion(index, size), mth(leaves)

    assert is_included(leaves[index], index, size, path, root)
    assert not is_included(b"other", index, size, path, root)
    assert not is_included(leaves[index], index, size, [*path, root], root)
    assert not is_included(leaves[index], size, size, path, root)
    for other in {0, size // 2, size - 1} - {index}:
        assert not is_included(leaves[index], other, size, path, root)
    for place in range(len(path)):
        damaged = [*path[:place], b"\0" * 32, *path[place + 1 :]]
        assert not is_included(leaves[index], index, size, damaged, root)
        assert not is_included(leaves[index], index, size, path[:place], root)


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_growth_is_proved_and_a_rewritten_past_is_not(data):
    second = data.draw(st.integers(1, 130))
    first = data.draw(st.integers(1, second))
    tree = Tree(numbered(second))
    path = tree.consistency(first, second)
    old, new = tree.root(first), tree.root()

    assert is_consistent(first, old, second, new, path)
    rewritten = Tree([b"other", *numbered(second)[1:]])
    assert not is_consistent(first, old, second, rewritten.root(), path)
    assert not is_consistent(first, rewritten.root(first), second, new, path)
    if first < second:
        forged = rewritten.consistency(first, second)
        assert not is_consistent(first, old, second, rewritten.root(), forged)
        assert not is_consistent(first, old, second, new, path[:-1])
        assert not is_consistent(first, old, second, new, [*path, new])


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3)])
def test_there_is_no_proof_from_nothing_or_backwards(first, second):
    tree = Tree(numbered(3))
    assert not is_consistent(first, tree.root(0), second, tree.root(), [])
    with pytest.raises(ValueError, match="no proof"):
        tree.consistency(first, second)


def test_a_frontier_of_the_wrong_number_of_roots_is_refused():
    with pytest.raises(ValueError, match="3 leaves has 2"):
        Frontier(3, [b"\0" * 32])


def test_a_proof_beyond_the_tree_is_refused():
    with pytest.raises(ValueError, match="has 3 leaves, not 4"):
        Tree(numbered(3)).inclusion(0, 4)
    with pytest.raises(ValueError, match="no leaf 3"):
        Tree(numbered(3)).inclusion(3, 3)
