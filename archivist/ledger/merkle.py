"""The Merkle tree of RFC 6962, section 2.1: roots, inclusion and consistency proofs.

Leaves and nodes are hashed with SHA-256 and different first bytes, so that no node passes for a
leaf. Hashes are 32 bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over two others."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Frontier:
    """A tree that grows at its end, of which only the roots of its perfect subtrees are kept.

    That is at most one hash for each bit of the size, the largest subtree first; it is all that is
    needed to append leaves and to tell the root. Raises ValueError when ``roots`` are not as many
    as a tree of this size has.
    """

    def __init__(self, size: int = 0, roots: Iterable[bytes] = ()) -> None:
        self._size, self._roots = size, list(roots)
        if len(self._roots) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} perfect subtrees")

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._size

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The roots of the perfect subtrees, the largest first."""
        return tuple(self._roots)

    def append(self, data: bytes) -> None:
        """Add a leaf at the end."""
        node, rest = leaf_hash(data), self._size
        while rest & 1:
            node, rest = node_hash(self._roots.pop(), node), rest >> 1
        self._roots.append(node)
        self._size += 1

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        if not self._roots:
            return EMPTY_ROOT
        *rest, node = self._roots
        for left in reversed(rest):
            node = node_hash(left, node)
        return node


class Tree:
    """A whole tree in memory, for proofs: 64 bytes for each leaf.

    Level 0 holds the hashes of the leaves, each level above the nodes over two finished ones below.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels = [bytearray()]
        for data in leaves:
            self._append(leaf_hash(data))

    def __len__(self) -> int:
        return len(self._levels[0]) // HASH_BYTES

    def _append(self, node: bytes) -> None:
        for level in self._levels:
            level.extend(node)
            if len(level) // HASH_BYTES & 1:
                return
            left, right = level[-2 * HASH_BYTES : -HASH_BYTES], level[-HASH_BYTES:]
            node = node_hash(bytes(left), bytes(right))
        self._levels.append(bytearray(node))

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first ``size`` leaves, of all by default."""
        size = self._checked(len(self) if size is None else size)
        return self._over(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the proof that leaf ``index`` is in the tree of the first ``size`` leaves.

        It is PATH of RFC 6962, section 2.1.1, from the leaf upwards.
        """
        if not 0 <= index < self._checked(size):
            raise ValueError(f"a tree of {size} leaves has no leaf {index}")
        start, end, path = 0, size, []
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._over(middle, end))
                end = middle
            else:
                path.append(self._over(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Return the proof that the tree of ``second`` leaves begins with that of ``first``.

        It is PROOF of RFC 6962, section 2.1.2.
        """
        if not 0 < first <= self._checked(second):
            raise ValueError(f"there is no proof from {first} to {second} leaves")
        start, end, path, whole = 0, second, [], True
        while first != end:
            middle = start + _split(end - start)
            if first <= middle:
                path.append(self._over(middle, end))
                end = middle
            else:
                path.append(self._over(start, middle))
                start, whole = middle, False
        if not whole:
            path.append(self._over(start, end))
        return path[::-1]

    def _over(self, start: int, end: int) -> bytes:
        """Return the root over the leaves ``start`` to ``end``: a subtree of RFC 6962."""
        count = end - start
        if count & (count - 1) == 0:
            level, place = count.bit_length() - 1, start // count * HASH_BYTES
            return bytes(self._levels[level][place : place + HASH_BYTES])
        middle = start + _split(count)
        return node_hash(self._over(start, middle), self._over(middle, end))

    def _checked(self, size: int) -> int:
        if not 0 <= size <= len(self):
            raise ValueError(f"this tree has {len(self)} leaves, not {size}")
        return size


def _split(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def is_included(data: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether a proof shows that leaf ``index`` of a tree is ``data``.

    ``size`` and ``root`` are those of the tree. The algorithm is that of RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    place, last, node = index, size - 1, leaf_hash(data)
    for other in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = node_hash(other, node)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, other)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def is_consistent(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Tell whether a proof shows that a tree of ``first`` leaves only grew to one of ``second``.

    The algorithm is that of RFC 9162, section 2.1.4.2. A tree of no leaves is refused.
    """
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    if first & (first - 1) == 0:
        path = [first_root, *path]
    if not path:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(other, old), node_hash(other, new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, other)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root
