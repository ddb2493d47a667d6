"""Replays: that recorded steps were done again, and how each output compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from archivist.catalog import ledger, tables
from archivist.catalog.bulk import insert_rows, pages
from archivist.catalog.repeats import Repeats
from archivist.catalog.session import Catalog
from archivist.model import now


class Verdict(StrEnum):
    """How an output that was made again compares with the recorded one."""

    BIT = "bit-identical"
    """The same file, byte by byte."""
    PIXEL = "pixel-identical"
    """The same picture in another container: other metadata, another encoding of the bytes."""
    TOLERANCE = "within tolerance"
    """No sample differs by more than what the steps declare."""
    DIFFERENT = "different"
    """Another picture."""
    IMPOSSIBLE = "cannot be reproduced"
    """Something that is needed is missing."""

    @property
    def reproduced(self) -> bool:
        """True for those that an auditor takes for made again."""
        return self not in (Verdict.DIFFERENT, Verdict.IMPOSSIBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The verdict on one output; ``publication`` is the number of its record.

    ``detail`` holds what is known beside: ``largest`` and ``mean`` difference (0..1), ``share`` of
    pixels that differ (0..1), ``psnr`` in decibels (missing when infinite), the ``tolerance`` that
    was declared, ``missing`` (a list of sentences), ``departed`` (the first step that made
    something else) and ``note``.
    """

    publication: int
    source: str
    path: str
    profile: str
    output_digest: str
    verdict: Verdict
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRow:
    """A recorded replay: ``run`` is the uid of the command that did it."""

    replayed: Replayed
    run: str
    operator: str
    environment: Mapping[str, object]
    at: datetime


_r, _p, _run = tables.replay.c, tables.publication.c, tables.run.c
_COLUMNS = ("id", "run_id", "publication_id", "verdict", "detail", "environment_id", "at")


def add_replays(
    connection: Connection,
    repeats: Repeats,
    *,
    run: int,
    items: Sequence[Replayed],
    environment: tuple[str, Mapping[str, object]] | None,
) -> None:
    """Record verdicts; ``environment`` (digest, value) is where the steps were done again."""
    machine = repeats.environment(connection, *environment) if environment else None
    numbers, at = repeats.ids(connection, tables.replay), now()
    rows = [
        (
            next(numbers),
            run,
            one.publication,
            str(one.verdict),
            dict(one.detail) or None,
            machine,
            at,
        )
        for one in items
    ]
    insert_rows(connection, tables.replay, _COLUMNS, rows)
    ledger.enter_facts(connection, ledger.REPLAY, [row[0] for row in rows])


def replays_of(catalog: Catalog, digests: Iterable[str]) -> dict[str, tuple[ReplayRow, ...]]:
    """Return the replays of scans by the digests of their files, oldest first."""
    wanted = (
        select(
            *(_p[name] for name in ("digest", "source", "path", "profile", "output_digest")),
            *(_r[name] for name in ("publication_id", "verdict", "detail", "at")),
            _run.uid,
            _run.operator,
            tables.environment.c.value,
        )
        .select_from(
            tables.replay.join(tables.publication, _p.id == _r.publication_id)
            .join(tables.run, _run.id == _r.run_id)
            .outerjoin(tables.environment)
        )
        .where(_p.collection_id == catalog.collection_id)
        .order_by(_r.id)
    )
    found: dict[str, tuple[ReplayRow, ...]] = {}
    with catalog.reading() as connection:
        for page in pages(set(digests)):
            for row in connection.execute(wanted.where(_p.digest.in_(page))):
                found[row.digest] = (*found.get(row.digest, ()), _row(row))
    return found


def _row(row: Any) -> ReplayRow:
    return ReplayRow(
        replayed=Replayed(
            publication=row.publication_id,
            source=row.source,
            path=row.path,
            profile=row.profile,
            output_digest=row.output_digest,
            verdict=Verdict(row.verdict),
            detail=row.detail or {},
        ),
        run=row.uid,
        operator=row.operator,
        environment=row.value or {},
        at=row.at,
    )
