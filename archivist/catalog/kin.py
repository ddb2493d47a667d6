"""How assets are related: near duplicates, and files that were made from one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256

from sqlalchemy import Connection, select

from archivist.catalog import tables
from archivist.catalog.bulk import pages, select_in
from archivist.catalog.reading import ids_of_assets, uids_of_assets
from archivist.catalog.session import Catalog

_pair = tables.duplicate.c
_FROM_FIRST = select(_pair.first_asset, _pair.second_asset, _pair.distance)
_FROM_SECOND = select(_pair.second_asset, _pair.first_asset, _pair.distance)

_out, _scan = tables.publication.c, tables.asset.c
_OUTPUTS = (
    select(_out.digest, _out.output_digest)
    .join(tables.asset, (_scan.digest == _out.output_digest) & (_scan.page == 0))
    .where(_out.output_digest != _out.digest)
    .distinct()
)

Edges = Mapping[int, list[tuple[int, int]]]
"""Asset -> (other asset, bits in which their hashes differ), by row numbers."""


def near_of(catalog: Catalog, assets: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return, for each asset, its near duplicates with the bits in which the hashes differ.

    Of assets with equal hashes the table pairs only one with the others, so the way to a near
    duplicate is at most: to the one, from it to a near one, from that to its equals.
    """
    with catalog.reading() as connection:
        own = ids_of_assets(connection, assets)
        reached = {number: {number: 0} for number in own}
        for most in (0, 0, None, 0):
            wanted = {n for found in reached.values() for n in found}
            edges = _edges(connection, wanted)
            for found in reached.values():
                _step(found, edges, most)
        uids = uids_of_assets(connection, {n for found in reached.values() for n in found})
    return {
        own[number]: {uids[other]: bits for other, bits in found.items() if other != number}
        for number, found in reached.items()
    }


def near_state(catalog: Catalog) -> str:
    """Return the digest (SHA-256, hex) of all pairs of near duplicates."""
    state = sha256()
    pairs = select(_pair.first_asset, _pair.second_asset, _pair.distance)
    with catalog.reading() as connection:
        for row in connection.execute(pairs.order_by(_pair.first_asset, _pair.second_asset)):
            state.update(repr(tuple(row)).encode())
    return state.hexdigest()


def _step(found: dict[int, int], edges: Edges, most: int | None) -> None:
    """Go one edge further, of at most so many bits; the fewest bits count."""
    for number, bits in list(found.items()):
        for other, more in edges.get(number, ()):
            if most is None or more <= most:
                found[other] = min(found.get(other, bits + more), bits + more)


def _edges(connection: Connection, ids: Collection[int]) -> Edges:
    edges: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for statement, column in (
        (_FROM_FIRST, _pair.first_asset),
        (_FROM_SECOND, _pair.second_asset),
    ):
        for number, other, bits in select_in(connection, statement, column, ids):
            edges[number].append((other, bits))
    return edges


def derivatives(catalog: Catalog) -> dict[str, frozenset[str]]:
    """Return which scans are outputs of others, both ways: SHA-256 of a file -> of its kin."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for source, output in outputs_among_scans(catalog):
        found[source].add(output)
        found[output].add(source)
    return {digest: frozenset(others) for digest, others in found.items()}


def outputs_among_scans(
    catalog: Catalog, outputs: Iterable[str] | None = None
) -> tuple[tuple[str, str], ...]:
    """Return the scans that archivist made: SHA-256 of the scan they were made from, and their own.

    An archive may hold what was made here: a restored copy that went back into it. Of some files,
    or of all.
    """
    wanted = [_OUTPUTS]
    if outputs is not None:
        wanted = [_OUTPUTS.where(_out.output_digest.in_(some)) for some in pages(set(outputs))]
    with catalog.reading() as connection:
        return tuple(
            (source, output) for query in wanted for source, output in connection.execute(query)
        )
