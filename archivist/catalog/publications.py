"""Record which outputs were published, with what became of the scan's metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from archivist.catalog.bulk import insert_rows, pages
from archivist.catalog.repeats import Repeats
from archivist.catalog.tables import publication
from archivist.model import Publication, now

_COLUMNS = tuple(publication.c.keys())


def add_publications(
    connection: Connection,
    repeats: Repeats,
    *,
    run: int,
    collection: int,
    items: Sequence[Publication],
) -> None:
    """Add publications; one that says what the newest of its path says is not added again."""
    newest = _newest(connection, collection, [item.path for item in items])
    at = now()
    rows: list[tuple[Any, ...]] = []
    for item in items:
        contract = repeats.contract(connection, item.contract)
        key = item.key or None
        said = (item.source, item.digest, item.profile, item.output_digest, key, contract)
        if newest.get(item.path) == said:
            continue
        newest[item.path] = said
        number = repeats.next_id(connection, publication)
        what = (item.source, item.digest, item.profile, item.path, item.output_digest, key)
        file = (item.size, item.media_type, item.untouched)
        rows.append((number, run, collection, *what, *file, contract, at))
    insert_rows(connection, publication, _COLUMNS, rows)


def _newest(
    connection: Connection, collection: int, paths: Sequence[str]
) -> dict[str, tuple[Any, ...]]:
    table = publication.c
    columns = (table.source, table.digest, table.profile, table.output_digest)
    found: dict[str, tuple[Any, ...]] = {}
    for page in pages(paths):
        rows = connection.execute(
            select(table.path, *columns, table.key, table.contract_id)
            .where(table.collection_id == collection, table.path.in_(page))
            .order_by(table.id)
        )
        found.update((row[0], tuple(row[1:])) for row in rows)
    return found
