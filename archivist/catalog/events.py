"""Events: what happened besides the steps, for the archive's history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from archivist.catalog.bulk import insert_rows
from archivist.catalog.tables import event
from archivist.model import now

_COLUMNS = ("id", "type", "at", "run_id", "asset_id", "detail", "actor")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """An event to be written; ``run`` and ``asset`` are row numbers.

    ``type`` is a noun, a dot and a verb: ``scan.changed``, ``run.interrupted``.
    """

    type: str
    run: int | None = None
    asset: int | None = None
    detail: Mapping[str, object] = field(default_factory=dict)
    actor: str = ""


def add_events(connection: Connection, drafts: Sequence[EventDraft]) -> list[int]:
    """Write events, all with the time of now; return their numbers.

    The writer gives the numbers, so that a catalog that is made again has the same.
    """
    if not drafts:
        return []
    at, first = now(), (connection.scalar(select(func.max(event.c.id))) or 0) + 1
    rows = [
        (number, draft.type, at, draft.run, draft.asset, dict(draft.detail) or None, draft.actor)
        for number, draft in enumerate(drafts, first)
    ]
    insert_rows(connection, event, _COLUMNS, rows)
    return [row[0] for row in rows]
