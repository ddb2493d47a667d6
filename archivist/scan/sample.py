"""Take a few files of a large tree, the same ones every time."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence

from archivist.api.extensions import CodecSpec
from archivist.model import Refusal
from archivist.scan.formats import claims_to_be_picture
from archivist.scan.walk import Found


def take_sample(
    items: Iterable[Found | Refusal], count: int, codecs: Sequence[CodecSpec] = ()
) -> Iterator[Found | Refusal]:
    """Yield all refusals of a walk, then ``count`` of the files that are named like pictures.

    Those with the smallest SHA-256 of the path are taken: this spreads over the tree like a random
    choice, is the same on every machine, and changes little when files are added. Memory grows with
    ``count``, not with the tree. The files come in the order of the walk.
    """
    chosen: list[tuple[int, Found]] = []
    for item in items:
        if isinstance(item, Refusal):
            yield item
        elif claims_to_be_picture(item.path, codecs):
            rank = -_rank(item.path)
            if len(chosen) < count:
                heapq.heappush(chosen, (rank, item))
            elif rank > chosen[0][0]:
                heapq.heapreplace(chosen, (rank, item))
    yield from sorted((found for _, found in chosen), key=_walk_order)


def sample_of(paths: Iterable[str], count: int) -> frozenset[str]:
    """Return those ``count`` of the paths that :func:`take_sample` would take of their files."""
    return frozenset(heapq.nsmallest(count, paths, key=_rank))


def _rank(path: str) -> int:
    return int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest())


def _walk_order(found: Found) -> list[bytes]:
    return [part.encode("utf-8", "surrogatepass") for part in found.path.split("/")]
