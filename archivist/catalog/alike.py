"""Scans that look alike: pairs whose perceptual hashes differ in few bits, as a scan found them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from archivist.catalog.history import near_duplicates
from archivist.catalog.lookups import paths_of
from archivist.catalog.rows import NearDuplicate
from archivist.catalog.session import Catalog

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two scans that look alike. ``bits`` of 64 differ; a page of a file has its uid with ``#``."""

    first: str
    second: str
    first_asset: str
    second_asset: str
    bits: int


def alike(catalog: Catalog) -> Iterator[Pair]:
    """Yield pairs of scans that are there.

    Scans of equal hashes are recorded as pairs with the first of them only; where that is gone, the
    next one stands for it.
    """
    stand = _stand_ins(catalog)
    rows = near_duplicates(catalog)
    while page := list(islice(rows, _PAGE)):
        places = [
            (stand.get(row.first, row.first), stand.get(row.second, row.second)) for row in page
        ]
        paths = _paths(catalog, {uid for place in places for uid in place})
        for row, (first, second) in zip(page, places, strict=True):
            if first != second and first in paths and second in paths:
                yield Pair(
                    first=paths[first],
                    second=paths[second],
                    first_asset=first,
                    second_asset=second,
                    bits=row.distance,
                )


def _stand_ins(catalog: Catalog) -> Mapping[str, str]:
    """Return for scans that are gone one that is there and has the same hash."""
    rows = (row for row in near_duplicates(catalog) if row.distance == 0)
    found: dict[str, str] = {}
    while page := list[NearDuplicate](islice(rows, _PAGE)):
        paths = _paths(catalog, {uid for row in page for uid in (row.first, row.second)})
        for row in page:
            if row.first not in paths and row.second in paths:
                found.setdefault(row.first, row.second)
    return found


def _paths(catalog: Catalog, uids: set[str]) -> dict[str, str]:
    """Return the first path of each scan that is there, by uid."""
    names = paths_of(catalog, {uid.partition("#")[0] for uid in uids})
    return {uid: names[digest][0] for uid in uids if (digest := uid.partition("#")[0]) in names}


def count_alike(catalog: Catalog) -> int:
    """Return how many pairs there are."""
    return sum(1 for _ in alike(catalog))
