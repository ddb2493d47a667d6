"""What the digests of records in the ledger are of, for all kinds but steps.

The names and their meaning stay, because digests are of them: a new fact is a new kind of record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Connection, Select, select

from archivist.catalog import tables
from archivist.catalog.bulk import Row, select_in
from archivist.catalog.reading import uid_of

_p, _v, _e, _a, _r, _z = (
    tables.publication.c,
    tables.review.c,
    tables.event.c,
    tables.asset.c,
    tables.replay.c,
    tables.certification.c,
)
_PUBLICATIONS: Select[Any] = select(
    _p.id,
    tables.collection.c.name.label("collection"),
    tables.run.c.uid.label("run"),
    _p.source,
    _p.digest,
    _p.profile,
    _p.path,
    _p.output_digest,
    _p.key,
    _p.size,
    _p.media_type,
    _p.untouched,
    tables.contract.c.digest.label("contract"),
    _p.at,
).select_from(
    tables.publication.join(tables.run)
    .join(tables.contract)
    .join(tables.collection, tables.collection.c.id == _p.collection_id)
)
_REVIEWS: Select[Any] = select(
    _v.id,
    _a.digest,
    _a.page,
    _a.pages,
    _v.decision,
    _v.reviewer,
    _v.reason,
    _v.at,
    _v.records,
    _v.results,
    _v.redo,
).select_from(tables.review.join(tables.asset))
_EVENTS: Select[Any] = select(
    _e.id, _a.digest, _a.page, _a.pages, _e.type, tables.run.c.uid, _e.actor, _e.at, _e.detail
).select_from(tables.event.join(tables.asset).outerjoin(tables.run, tables.run.c.id == _e.run_id))
_REPLAYS: Select[Any] = select(
    _r.id,
    tables.run.c.uid.label("run"),
    tables.run.c.operator,
    _p.path,
    _p.output_digest,
    _r.verdict,
    _r.detail,
    tables.environment.c.digest.label("environment"),
    _r.at,
).select_from(
    tables.replay.join(tables.run, tables.run.c.id == _r.run_id)
    .join(tables.publication, _p.id == _r.publication_id)
    .outerjoin(tables.environment)
)
_CERTIFICATIONS: Select[Any] = select(
    _z.id,
    tables.run.c.uid.label("run"),
    tables.run.c.operator,
    _z.name,
    _z.changes,
    _z.results,
    _z.decision,
    _z.decided_by,
    _z.reason,
    _z.at,
).select_from(tables.certification.join(tables.run))


def facts_of(
    connection: Connection, kind: str, rows: Iterable[int]
) -> dict[int, Mapping[str, Any]]:
    """Return what the digest of records of a kind is of, by row number.

    A record that names a row which is gone (a run, an asset, a contract) is left out.
    """
    wanted, column, told = _KINDS[kind]
    names = tuple(wanted.selected_columns.keys())
    return {
        row[0]: {"record": kind} | told(names, row)
        for row in select_in(connection, wanted, column, rows)
    }


def _named(names: tuple[str, ...], row: Row) -> dict[str, Any]:
    return dict(zip(names[1:], row[1:], strict=True))


def _review(names: tuple[str, ...], row: Row) -> dict[str, Any]:
    facts = {
        "asset": uid_of(*row[1:4]),
        "decision": row[4],
        "reviewer": row[5],
        "reason": row[6],
        "at": row[7],
        "records": row[8] or (),
    }
    # Reviews of a time before these were kept have neither, and their digests hold neither.
    later = {"results": row[9], "redo": row[10]}
    return facts | {name: value for name, value in later.items() if value}


def _event(names: tuple[str, ...], row: Row) -> dict[str, Any]:
    told = ("type", "run", "actor", "at", "detail")
    return {"asset": uid_of(*row[1:4])} | dict(zip(told, row[4:], strict=True))


_KINDS: Mapping[
    str, tuple[Select[Any], Column[Any], Callable[[tuple[str, ...], Row], dict[str, Any]]]
] = {
    "publication": (_PUBLICATIONS, _p.id, _named),
    "review": (_REVIEWS, _v.id, _review),
    "event": (_EVENTS, _e.id, _event),
    "replay": (_REPLAYS, _r.id, _named),
    "certification": (_CERTIFICATIONS, _z.id, _named),
}
