"""The catalog is the queue: read the frozen plan back, in order and in pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, select

from archivist.api.errors import CatalogError
from archivist.catalog import tables
from archivist.catalog.bulk import PAGE, pages, weighed_pages
from archivist.catalog.lookalikes import Planned, planned_lookalikes
from archivist.catalog.memo import Memo
from archivist.catalog.reading import asset_of, uid_of, uids_of_assets
from archivist.catalog.results import known, previous, times_of
from archivist.catalog.rows import PendingUnit
from archivist.catalog.session import Catalog
from archivist.model import (
    Action,
    Asset,
    FileWork,
    KnownResult,
    PageWork,
    Supplied,
    Task,
    WorkUnit,
    text_to_path,
)

_item = tables.work_item.c
_UNIT = (
    _item.ordinal,
    _item.unit,
    _item.estimated_seconds.label("seconds"),
    _item.ram_mib,
    _item.vram_mib,
    _item.sequence,
)


def run_number(connection: Connection, uid: str) -> int:
    """Return the row number of a run. Raises CatalogError when there is none."""
    number = connection.scalar(select(tables.run.c.id).where(tables.run.c.uid == uid))
    if number is None:
        raise CatalogError(f"there is no run {uid}. Cure: archivist status lists the runs")
    return int(number)


def pending_units(
    catalog: Catalog, run: str, *, limit: int = PAGE, after: int = -1
) -> tuple[PendingUnit, ...]:
    """Return a page of the units still to be done; ``after`` is the last ordinal seen."""
    table = tables.work_item.c
    with catalog.reading() as connection:
        rows = connection.execute(
            select(*_UNIT)
            .where(table.run_id == run_number(connection, run), table.ordinal > after)
            .where(table.state == "pending")
            .order_by(table.ordinal)
            .limit(limit)
        )
        return tuple(PendingUnit(**row._mapping) for row in rows)


def count_pending(catalog: Catalog, run: str) -> int:
    """Return how many units of a run are still to be done."""
    table = tables.work_item.c
    with catalog.reading() as connection:
        number = run_number(connection, run)
        counted = select(func.count()).where(table.run_id == number, table.state == "pending")
        return int(connection.scalar(counted) or 0)


def tasks_of(catalog: Catalog, run: str, units: Iterable[str]) -> dict[str, tuple[Task, ...]]:
    """Return the tasks of units, in the order of pages and steps."""
    found: dict[str, tuple[Task, ...]] = {}
    item = tables.work_item.c
    with catalog.reading() as connection:
        number = run_number(connection, run)
        for page in pages(set(units)):
            wanted = select(item.ordinal, item.unit).where(
                item.run_id == number, item.unit.in_(page)
            )
            names = dict(connection.execute(wanted).all())
            tasks = _tasks(connection, catalog.memo, number, list(names))
            order = _pages(connection, number, list(names))
            for ordinal, unit in names.items():
                assets = [row.asset_id for row in order[ordinal]]
                found[unit] = tuple(task for a in assets for task in tasks[ordinal, a])
    return found


def pending_assets(catalog: Catalog, run: str) -> frozenset[str]:
    """Return the uids of the assets that a run still had to treat when it ended."""
    asset, page, item = tables.asset.c, tables.plan_page.c, tables.work_item.c
    with catalog.reading() as connection:
        number = run_number(connection, run)
        rows = connection.execute(
            select(asset.digest, asset.page, asset.pages)
            .join(tables.plan_page, page.asset_id == asset.id)
            .join(
                tables.work_item,
                (item.run_id == page.run_id) & (item.ordinal == page.item),
            )
            .where(page.run_id == number, item.state == "pending")
        )
        return frozenset(uid_of(*row) for row in rows)


def work_units(
    catalog: Catalog, run: str, *, limit: int = PAGE, after: int = -1
) -> tuple[tuple[int, WorkUnit], ...]:
    """Return a page of pending units whole, with their ordinals, ready for a worker.

    Spans of sequences count by their pages, so that a page of units is never large.
    ``PageWork.known`` holds the stored results of the tasks' keys and, for a task whose key is
    open until an earlier step ran, the newest result of that step: an unchanged input has its key.
    """
    pending = pending_units(catalog, run, limit=limit, after=after)
    with catalog.reading() as connection:
        number = run_number(connection, run)
        chosen = _some(connection, number, pending, limit)
    return _whole(catalog, number, chosen)


def planned_units(
    catalog: Catalog, run: int, ordinals: Collection[int]
) -> tuple[tuple[int, WorkUnit], ...]:
    """Return units of the run of this number as they were planned, whatever became of them.

    They know of no stored results.
    """
    table = tables.work_item.c
    with catalog.reading() as connection:
        rows = [
            row
            for page in pages(ordinals)
            for row in connection.execute(
                select(*_UNIT).where(table.run_id == run, table.ordinal.in_(page))
            )
        ]
    units = [PendingUnit(**row._mapping) for row in rows]
    return _whole(catalog, run, units, reuse=False)


def _whole(
    catalog: Catalog, number: int, units: Sequence[PendingUnit], *, reuse: bool = True
) -> tuple[tuple[int, WorkUnit], ...]:
    """Return units with pages, tasks and, with ``reuse``, what is stored of them."""
    ordinals = [unit.ordinal for unit in units]
    with catalog.reading() as connection:
        tasks = _tasks(connection, catalog.memo, number, ordinals)
        order = _pages(connection, number, ordinals)
        assets = _assets(connection, {row.asset_id for rows in order.values() for row in rows})
    planned = planned_lookalikes(catalog, number, ordinals)
    wanted = [task for group in tasks.values() for task in group] if reuse else []
    results = _results(catalog, wanted)
    return tuple(
        (unit.ordinal, _unit(unit, order[unit.ordinal], tasks, assets, results, planned))
        for unit in units
    )


def _some(
    connection: Connection, run: int, pending: Sequence[PendingUnit], limit: int
) -> Sequence[PendingUnit]:
    """Return the first of these units that together have no more than ``limit`` pages."""
    if all(unit.sequence is None for unit in pending):
        return pending
    table = tables.plan_page.c
    counts: dict[int, int] = {}
    for page in pages([unit.ordinal for unit in pending]):
        counted = (
            select(table.item, func.count())
            .where(table.run_id == run, table.item.in_(page))
            .group_by(table.item)
        )
        counts.update(connection.execute(counted).all())
    return next(weighed_pages(pending, lambda unit: counts[unit.ordinal], limit), ())


def _unit(
    unit: PendingUnit,
    rows: Sequence[Any],
    tasks: Mapping[tuple[int, int], tuple[Task, ...]],
    assets: Mapping[int, Asset],
    results: Mapping[tuple[str, str], KnownResult],
    planned: Planned,
) -> WorkUnit:
    files: dict[int, FileWork] = {}
    for row in rows:
        own = tasks.get((unit.ordinal, row.asset_id), ())
        asset = assets[row.asset_id]
        usable = {
            result.key: result
            for task in own
            if (result := results.get((asset.uid, task.step))) is not None
        }
        page = PageWork(
            asset=asset,
            tasks=own,
            known=tuple(usable.values()),
            supplied=tuple(
                Supplied(port=port, path=text_to_path(path), digest=digest)
                for port, path, digest in row.supplied or ()
            ),
            lookalikes=planned.lookalikes.get((row.item, row.file, row.page), {}),
            snapshot=planned.snapshot,
        )
        before = files.get(row.file)
        files[row.file] = FileWork(
            digest=asset.digest,
            paths=before.paths if before else tuple(row.paths or ()),
            pages=(*(before.pages if before else ()), page),
        )
    return WorkUnit(
        uid=unit.unit,
        files=tuple(files[n] for n in sorted(files)),
        seconds=unit.seconds,
        ram_mib=unit.ram_mib,
        vram_mib=unit.vram_mib,
        sequence=unit.sequence,
    )


def _results(catalog: Catalog, tasks: Sequence[Task]) -> dict[tuple[str, str], KnownResult]:
    keys = {(task.asset, task.step): task.key for task in tasks if task.key is not None}
    following = {task.asset for task in tasks if task.key is None}
    if following:
        wanted = {(task.asset, task.step) for task in tasks if task.key is None}
        before = previous(catalog, following)
        keys.update({pair: before[pair].key for pair in wanted if pair in before})
    stored, times = known(catalog, keys.values()), times_of(catalog, keys.values())
    return {
        pair: replace(stored[key], started=times[key])
        for pair, key in keys.items()
        if key in stored
    }


def _pages(connection: Connection, run: int, ordinals: Sequence[int]) -> Mapping[int, list[Any]]:
    table = tables.plan_page.c
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for page in pages(ordinals):
        for row in connection.execute(
            select(tables.plan_page)
            .where(table.run_id == run, table.item.in_(page))
            .order_by(table.item, table.file, table.page)
        ):
            found[row.item].append(row)
    return found


def _tasks(
    connection: Connection, memo: Memo, run: int, ordinals: Sequence[int]
) -> Mapping[tuple[int, int], tuple[Task, ...]]:
    table = tables.plan_task.c
    rows = [
        row
        for page in pages(ordinals)
        for row in connection.execute(
            select(tables.plan_task)
            .where(table.run_id == run, table.item.in_(page))
            .order_by(table.item, table.asset_id, table.ordinal)
        )
    ]
    params = memo.rows(connection, tables.params, {row.params_id for row in rows})
    uids = uids_of_assets(connection, {row.asset_id for row in rows})
    found: defaultdict[tuple[int, int], tuple[Task, ...]] = defaultdict(tuple)
    for row in rows:
        task = Task(
            asset=uids[row.asset_id],
            ordinal=row.ordinal,
            step=row.step,
            version=row.version,
            params=params[row.params_id].value,
            action=Action(row.action),
            reason=row.reason,
            key=row.key,
        )
        found[row.item, row.asset_id] += (task,)
    return found


def _assets(connection: Connection, ids: Iterable[int]) -> dict[int, Asset]:
    found: dict[int, Asset] = {}
    for page in pages(ids):
        rows = connection.execute(select(tables.asset).where(tables.asset.c.id.in_(page)))
        found.update((row.id, asset_of(row)) for row in rows)
    return found
