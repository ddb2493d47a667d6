"""Open and close the units of a run: which outcomes are new, how assets ended, counters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from archivist.api.errors import CatalogError
from archivist.catalog.bulk import insert_rows, pages
from archivist.catalog.tables import asset_outcome, run_counter, work_item
from archivist.model import Status, UnitOutcome

_OUTCOME = ("asset_id", "run_id", "status", "code", "message", "seconds")


def open_units(
    connection: Connection, *, run: int, outcomes: Sequence[UnitOutcome]
) -> list[UnitOutcome]:
    """Return the outcomes whose units are still pending; the others were recorded before.

    Raises CatalogError for a unit that is not in the frozen plan.
    """
    named = {outcome.unit: outcome for outcome in outcomes}
    states: dict[str, str] = {}
    for page in pages(named):
        wanted = select(work_item.c.unit, work_item.c.state).where(
            work_item.c.run_id == run, work_item.c.unit.in_(page)
        )
        states.update((unit, state) for unit, state in connection.execute(wanted))
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
    assets: Mapping[str, int],
) -> None:
    """Write how the assets ended, count, and close the work items."""
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
    if outcomes:
        connection.execute(_CLOSE_ITEM, [_item(run, outcome) for outcome in outcomes])


_CLOSE_ITEM = (
    update(work_item)
    .where(work_item.c.run_id == bindparam("b_run"), work_item.c.unit == bindparam("b_unit"))
    .values(
        attempts=work_item.c.attempts + 1,
        **{
            name: bindparam(name)
            for name in ("state", "worker", "started", "seconds", "peak_mib", "code", "message")
        },
    )
)


def _item(run: int, outcome: UnitOutcome) -> dict[str, Any]:
    failed = next((item for item in outcome.assets if item.status is Status.FAILED), None)
    return {
        "b_run": run,
        "b_unit": outcome.unit,
        "state": "failed" if failed is not None else "done",
        "worker": outcome.worker,
        "started": outcome.started,
        "seconds": outcome.seconds,
        "peak_mib": outcome.peak_mib,
        "code": failed.code if failed is not None else None,
        "message": failed.message if failed is not None else None,
    }


def _count(connection: Connection, run: int, outcomes: Iterable[UnitOutcome]) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for outcome in outcomes:
        for item in outcome.assets:
            counts["", item.status.value] += 1
            seconds["", item.status.value] += item.seconds
            for record in item.records:
                counts[record.step, record.status.value] += 1
                seconds[record.step, record.status.value] += record.seconds
    rows = [
        {"run_id": run, "scope": scope, "status": status, "count": n, "seconds": seconds[key]}
        for key, n in counts.items()
        for scope, status in [key]
    ]
    if rows:
        connection.execute(_adding(connection), rows)


def _adding(connection: Connection) -> Any:
    """Return the statement that adds to counters, making those that are not there."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement: Any = make(run_counter)
    table, new = run_counter.c, statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["run_id", "scope", "status"],
        set_={"count": table["count"] + new["count"], "seconds": table.seconds + new.seconds},
    )
