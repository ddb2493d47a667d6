"""Open and close the units of a run: which outcomes are new, how assets ended, counters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, literal_column, select, update

from archivist.api.errors import CatalogError
from archivist.catalog.bulk import execute_rows, insert_rows, select_in
from archivist.catalog.repeats import asset_ids
from archivist.catalog.tables import asset_outcome, run_counter, work_item
from archivist.catalog.types import BigId
from archivist.model import PageWork, Status, UnitOutcome

_STATES = select(work_item.c.unit, work_item.c.state).where(
    work_item.c.run_id == bindparam("run", type_=BigId)
)
_ITEM = (
    "b_run",
    "b_unit",
    "state",
    "worker",
    "started",
    "seconds",
    "peak_mib",
    "code",
    "message",
)
_COUNTER = tuple(run_counter.c.keys())
_OUTCOME = ("asset_id", "run_id", "status", "code", "message", "seconds")


def open_units(
    connection: Connection, *, run: int, outcomes: Sequence[UnitOutcome]
) -> list[UnitOutcome]:
    """Return the outcomes whose units are still pending; the others were recorded before.

    Raises CatalogError for a unit that is not in the frozen plan.
    """
    named = {outcome.unit: outcome for outcome in outcomes}
    states: dict[str, str] = dict(select_in(connection, _STATES, work_item.c.unit, named, run=run))
    for unit in named:
        if unit not in states:
            raise CatalogError(
                f"the unit {unit} is not in the frozen plan of this run. "
                "Cure: run the command again, so that it is planned"
            )
    return [outcome for unit, outcome in named.items() if states[unit] == "pending"]


def close_units(
    connection: Connection,
    *,
    run: int,
    outcomes: Sequence[UnitOutcome],
    assets: Mapping[str, int] | None,
) -> None:
    """Write how the assets ended (unless ``assets`` is None), count, and close the work items."""
    if assets is not None:
        rows = [
            (assets[item.asset], run, item.status.value, item.code, item.message, item.seconds)
            for outcome in outcomes
            for item in outcome.assets
        ]
        insert_rows(
            connection,
            asset_outcome,
            _OUTCOME,
            rows,
            conflict=("asset_id", "run_id"),
            update=_OUTCOME[2:],
        )
    _count(connection, run, outcomes)
    rows = [_item(run, outcome) for outcome in outcomes]
    execute_rows(connection, CLOSE, _ITEM, rows, called="close")


CLOSE = (
    update(work_item)
    .where(work_item.c.run_id == bindparam("b_run"), work_item.c.unit == bindparam("b_unit"))
    .values(
        attempts=work_item.c.attempts + literal_column("1"),
        **{name: bindparam(name) for name in _ITEM[2:]},
    )
)


def end_unworked(connection: Connection, run: int, pages: Sequence[PageWork], code: str) -> None:
    """End pages that no worker touches as skipped, for the reason that the plan gives.

    One that ended so already for the same reason is not ended again.
    """
    ids = asset_ids(connection, {page.asset.uid for page in pages})
    said = {
        ids[page.asset.uid]: (Status.SKIPPED.value, code, page.tasks[0].reason) for page in pages
    }
    newest = {
        row[0]: tuple(row[1:]) for row in select_in(connection, _NEWEST, _ended.asset_id, said)
    }
    rows = [
        (number, run, *what, 0.0) for number, what in said.items() if newest.get(number) != what
    ]
    insert_rows(
        connection,
        asset_outcome,
        _OUTCOME,
        rows,
        conflict=("asset_id", "run_id"),
        update=_OUTCOME[2:],
    )
    _add_counts(connection, run, {("", Status.SKIPPED): [len(rows), 0.0]} if rows else {})


_ended = asset_outcome.c
_NEWEST = select(_ended.asset_id, _ended.status, _ended.code, _ended.message).order_by(
    _ended.run_id
)


def _item(run: int, outcome: UnitOutcome) -> tuple[Any, ...]:
    failed = next((item for item in outcome.assets if item.status is Status.FAILED), None)
    return (
        run,
        outcome.unit,
        "done" if failed is None else "failed",
        outcome.worker,
        outcome.started,
        outcome.seconds,
        outcome.peak_mib,
        None if failed is None else failed.code,
        None if failed is None else failed.message,
    )


def _count(connection: Connection, run: int, outcomes: Iterable[UnitOutcome]) -> None:
    counts: dict[tuple[str, Status], list[float]] = {}
    for outcome in outcomes:
        for item in outcome.assets:
            _add(counts, ("", item.status), item.seconds)
            for record in item.records:
                _add(counts, (record.step, record.status), record.seconds)
    _add_counts(connection, run, counts)


def _add_counts(
    connection: Connection, run: int, counts: Mapping[tuple[str, Status], Sequence[float]]
) -> None:
    rows = [
        (run, scope, status.value, int(count), seconds)
        for (scope, status), (count, seconds) in counts.items()
    ]
    insert_rows(connection, run_counter, _COUNTER, rows, conflict=_COUNTER[:3], add=_COUNTER[3:])


def _add(
    counts: dict[tuple[str, Status], list[float]], key: tuple[str, Status], seconds: float
) -> None:
    entry = counts.get(key)
    if entry is None:
        counts[key] = [1, seconds]
    else:
        entry[0] += 1
        entry[1] += seconds
