"""What people ask: runs, how far they are, what failed, what happened to an asset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from archivist.api.errors import CatalogError
from archivist.catalog import ledger, tables
from archivist.catalog.bulk import PAGE, pages
from archivist.catalog.lookups import paths_of
from archivist.catalog.queue import run_number
from archivist.catalog.reading import ids_of_assets, records_of_rows, uid_of, uids_of_assets
from archivist.catalog.rows import (
    Decision,
    EventRow,
    Failure,
    NearDuplicate,
    Outcome,
    PlanCount,
    RunCount,
    RunRow,
    RunState,
)
from archivist.catalog.session import Catalog
from archivist.model import StepRecord

_run, _recipe = tables.run.c, tables.recipe.c
_RECENT = 100
"""Runs that are looked through for one that names its folders; nearly all do."""
_RUNS: Select[Any] = (
    select(
        *tables.run.c,
        _recipe.name.label("recipe"),
        _recipe.digest.label("recipe_digest"),
    )
    .select_from(tables.run.outerjoin(tables.recipe, _recipe.id == _run.recipe_id))
    .order_by(_run.id.desc())
)


def runs(catalog: Catalog, *, limit: int = 20, command: str | None = None) -> tuple[RunRow, ...]:
    """Return the newest runs of the collection, newest first; of one command or of all."""
    wanted = _RUNS.where(_run.collection_id == catalog.collection_id).limit(limit)
    if command is not None:
        wanted = wanted.where(_run.command == command)
    with catalog.reading() as connection:
        found = [_run_row(row) for row in connection.execute(wanted)]
    return _as_they_stand(catalog, found)


def folders(catalog: Catalog) -> dict[str, Path]:
    """Return where ``scans`` and outputs (``out``) lie, by the newest run that says so.

    That is not where they lay when an older run made something: archives are moved.
    """
    for row in runs(catalog, limit=_RECENT):
        found = {
            name: Path(str(row.settings[name]))
            for name in ("scans", "out")
            if row.settings.get(name)
        }
        if found:
            return found
    return {}


def run(catalog: Catalog, uid: str) -> RunRow:
    """Return a run. Raises CatalogError when there is none."""
    with catalog.reading() as connection:
        row = connection.execute(_RUNS.where(_run.uid == uid)).first()
    if row is None:
        raise CatalogError(f"there is no run {uid}. Cure: archivist status lists the runs")
    return _as_they_stand(catalog, [_run_row(row)])[0]


def _as_they_stand(catalog: Catalog, rows: Sequence[RunRow]) -> tuple[RunRow, ...]:
    """Return runs, the open ones interrupted when nobody writes: a run that is killed says nothing.

    The next writer records it.
    """
    if not any(row.state.is_open for row in rows) or catalog.has_writer():
        return tuple(rows)
    return tuple(
        replace(row, state=RunState.INTERRUPTED) if row.state.is_open else row for row in rows
    )


def _run_row(row: Row[Any]) -> RunRow:
    plan: Mapping[str, Any] = row.plan or {}
    totals = {name: value for name, value in plan.items() if name != "tasks"}
    return RunRow(
        uid=row.uid,
        command=row.command,
        state=RunState(row.state),
        operator=row.operator,
        started=row.started,
        finished=row.finished,
        recipe=row.recipe,
        recipe_digest=row.recipe_digest,
        settings=row.settings,
        plan_digest=row.plan_digest,
        tasks=tuple(
            PlanCount(step=step, action=action, reason=reason, count=count)
            for step, action, reason, count in plan.get("tasks", ())
        ),
        **totals,
    )


def run_counts(catalog: Catalog, uid: str) -> tuple[RunCount, ...]:
    """Return the kept counters of a run; those of assets have an empty ``step``."""
    table = tables.run_counter.c
    with catalog.reading() as connection:
        rows = connection.execute(
            select(tables.run_counter)
            .where(table.run_id == run_number(connection, uid))
            .order_by(table.scope, table.status)
        )
        return tuple(
            RunCount(step=row.scope, status=row.status, count=row[3], seconds=row.seconds)
            for row in rows
        )


def totals(catalog: Catalog) -> dict[str, int]:
    """Return how many assets with a present file ended how in their newest run.

    Assets that no run has treated count as ``pending``.
    """
    outcome, file = tables.asset_outcome, tables.scan_file.c
    newest = (
        select(outcome.c.asset_id, func.max(outcome.c.run_id).label("run_id"))
        .group_by(outcome.c.asset_id)
        .subquery()
    )
    present = select(file.digest).where(
        file.collection_id == catalog.collection_id, file.present == 1
    )
    joined = tables.asset.outerjoin(newest, newest.c.asset_id == tables.asset.c.id).outerjoin(
        outcome,
        (outcome.c.asset_id == newest.c.asset_id) & (outcome.c.run_id == newest.c.run_id),
    )
    counted = (
        select(func.coalesce(outcome.c.status, "pending"), func.count())
        .select_from(joined)
        .where(tables.asset.c.digest.in_(present))
        .group_by(outcome.c.status)
    )
    with catalog.reading() as connection:
        return {status: count for status, count in connection.execute(counted)}  # noqa: C416


def outcomes(
    catalog: Catalog, uid: str, *, status: str | None = None, limit: int = PAGE, after: str = ""
) -> tuple[Outcome, ...]:
    """Return a page of the outcomes of a run; ``after`` is the uid of the last asset seen."""
    table = tables.asset_outcome.c
    with catalog.reading() as connection:
        wanted = (
            select(tables.asset_outcome)
            .where(table.run_id == run_number(connection, uid))
            .where(table.asset_id > _number_after(connection, after))
            .order_by(table.asset_id)
            .limit(limit)
        )
        if status is not None:
            wanted = wanted.where(table.status == status)
        rows = connection.execute(wanted).all()
        uids = uids_of_assets(connection, (row.asset_id for row in rows))
    return tuple(
        Outcome(
            asset=uids[row.asset_id],
            status=row.status,
            code=row.code,
            message=row.message,
            seconds=row.seconds,
            run=uid,
        )
        for row in rows
    )


def count_ended(catalog: Catalog, uid: str, code: str) -> int:
    """Return how many assets ended in a run with a code."""
    table = tables.asset_outcome.c
    with catalog.reading() as connection:
        wanted = select(func.count()).where(
            table.run_id == run_number(connection, uid), table.code == code
        )
        return connection.scalar(wanted) or 0


def failures(
    catalog: Catalog, uid: str, *, limit: int = PAGE, after: str = ""
) -> tuple[Failure, ...]:
    """Return a page of the assets that failed in a run, with the paths of their files."""
    failed = outcomes(catalog, uid, status="failed", limit=limit, after=after)
    paths = paths_of(catalog, (one.asset.partition("#")[0] for one in failed))
    return tuple(
        Failure(
            asset=one.asset,
            code=one.code,
            message=one.message,
            paths=paths.get(one.asset.partition("#")[0], ()),
            run=uid,
        )
        for one in failed
    )


def _number_after(connection: Connection, uid: str) -> int:
    if not uid:
        return 0
    return next(iter(ids_of_assets(connection, [uid])), 0)


def records_of(catalog: Catalog, asset: str) -> tuple[StepRecord, ...]:
    """Return the whole history of an asset, oldest first, failures included."""
    table = tables.step.c
    with catalog.reading() as connection:
        uids = ids_of_assets(connection, [asset])
        rows = connection.execute(
            select(tables.step).where(table.asset_id.in_(list(uids))).order_by(table.id)
        ).all()
        return tuple(records_of_rows(connection, catalog.memo, rows, uids))


def makers_of(catalog: Catalog, values: Iterable[str]) -> tuple[StepRecord, ...]:
    """Return the records of steps that made values, given by the digests of these."""
    made = tables.artifact.c
    found: list[StepRecord] = []
    for page in pages(set(values)):
        steps = select(made.step_id).where(made.digest.in_(page))
        with catalog.reading() as connection:
            rows = connection.execute(
                select(tables.step).where(tables.step.c.id.in_(steps)).order_by(tables.step.c.id)
            ).all()
            uids = uids_of_assets(connection, (row.asset_id for row in rows))
            found += records_of_rows(connection, catalog.memo, rows, uids)
    return tuple(found)


def all_records(catalog: Catalog) -> Iterator[StepRecord]:
    """Yield every step record, oldest first, a page at a time: for an audit of the digests."""
    table, after = tables.step.c, 0
    while True:
        with catalog.reading() as connection:
            rows = connection.execute(
                select(tables.step).where(table.id > after).order_by(table.id).limit(PAGE)
            ).all()
            uids = uids_of_assets(connection, (row.asset_id for row in rows))
            records = records_of_rows(connection, catalog.memo, rows, uids)
        if not rows:
            return
        yield from records
        after = rows[-1].id


def events(
    catalog: Catalog,
    *,
    type: str | None = None,  # noqa: A002 (the field's name)
    asset: str | None = None,
    limit: int = PAGE,
) -> tuple[EventRow, ...]:
    """Return the newest events, newest first: of one type or asset, or of all."""
    table = tables.event.c
    wanted: Select[Any] = select(
        *tables.event.c, _run.uid, tables.asset.c.digest, tables.asset.c.page, tables.asset.c.pages
    ).select_from(
        tables.event.outerjoin(tables.run, _run.id == table.run_id).outerjoin(
            tables.asset, tables.asset.c.id == table.asset_id
        )
    )
    if type is not None:
        wanted = wanted.where(table.type == type)
    with catalog.reading() as connection:
        if asset is not None:
            wanted = wanted.where(table.asset_id.in_(list(ids_of_assets(connection, [asset]))))
        rows = connection.execute(wanted.order_by(table.id.desc()).limit(limit)).all()
    return tuple(
        EventRow(
            type=row.type,
            at=row.at,
            run=row.uid,
            asset=None if row.digest is None else uid_of(row.digest, row.page, row.pages),
            detail=row.detail or {},
            actor=row.actor,
        )
        for row in rows
    )


_DECISIONS = (*ledger.DECISIONS, *(f"review.{one}" for one in Decision))
"""Types of the events that tell what people decided."""


def newest_decision(catalog: Catalog) -> datetime | None:
    """Return when rights were last denied or allowed, a reference withdrawn, a result reviewed."""
    event = tables.event.c
    with catalog.reading() as connection:
        newest = [
            connection.scalar(select(func.max(event.at)).where(event.type == kind))
            for kind in _DECISIONS  # each is one look at the end of its part of the index
        ]
    return max((at for at in newest if at is not None), default=None)


def near_duplicates(
    catalog: Catalog, *, limit: int = PAGE, after: tuple[int, int] = (0, 0)
) -> Iterator[NearDuplicate]:
    """Yield pairs of assets that look alike, a page at a time, in a stable order."""
    table = tables.duplicate.c
    while True:
        later = (table.first_asset > after[0]) | (
            (table.first_asset == after[0]) & (table.second_asset > after[1])
        )
        with catalog.reading() as connection:
            rows = connection.execute(
                select(tables.duplicate)
                .where(later)
                .order_by(table.first_asset, table.second_asset)
                .limit(limit)
            ).all()
            uids = uids_of_assets(connection, {n for row in rows for n in row[:2]})
        if not rows:
            return
        for row in rows:
            yield NearDuplicate(first=uids[row[0]], second=uids[row[1]], distance=row.distance)
        after = (rows[-1].first_asset, rows[-1].second_asset)
