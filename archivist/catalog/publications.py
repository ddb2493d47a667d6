"""Record which outputs were published, with what became of the scan's metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from archivist.catalog import ledger
from archivist.catalog.bulk import insert_rows, select_in
from archivist.catalog.events import EventDraft
from archivist.catalog.repeats import Repeats
from archivist.catalog.tables import publication
from archivist.catalog.types import BigId
from archivist.model import Publication, UnitOutcome, now

SET_ASIDE = "output.set-aside"
"""Type of the event that what something else made of an output is kept beside it."""
COLUMNS = tuple(publication.c.keys())


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
    numbers, at = repeats.ids(connection, publication), now()
    rows: list[tuple[Any, ...]] = []
    for item in items:
        contract = repeats.contract(connection, item.contract)
        key = item.key or None
        said = (item.source, item.digest, item.profile, item.output_digest, key, contract)
        if newest.get(item.path) == said:
            continue
        newest[item.path] = said
        what = (item.source, item.digest, item.profile, item.path, item.output_digest, key)
        file = (item.size, item.media_type, item.untouched)
        rows.append((next(numbers), run, collection, *what, *file, contract, at))
    insert_rows(connection, publication, COLUMNS, rows)
    ledger.enter_facts(connection, ledger.PUBLICATION, [row[0] for row in rows])


def aside_events(outcome: UnitOutcome, assets: Mapping[str, int], run: int) -> list[EventDraft]:
    """Return the events of what was kept beside outputs; ``assets`` and ``run`` are numbers."""
    return [
        EventDraft(
            type=SET_ASIDE,
            run=run,
            asset=assets[one.asset],
            detail={"path": one.path, "beside": one.beside, "digest": one.digest},
        )
        for one in outcome.set_aside
    ]


_p = publication.c
_SAID = (
    select(_p.path, _p.source, _p.digest, _p.profile, _p.output_digest, _p.key, _p.contract_id)
    .where(_p.collection_id == bindparam("collection", type_=BigId))
    .order_by(_p.id)
)


def _newest(
    connection: Connection, collection: int, paths: Sequence[str]
) -> dict[str, tuple[Any, ...]]:
    rows = select_in(connection, _SAID, _p.path, paths, collection=collection)
    return {row[0]: row[1:] for row in rows}
