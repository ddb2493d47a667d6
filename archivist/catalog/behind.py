"""The records that led to a result, in their order.

A run that found its results done already wrote no records of its own. So the records behind an
output are found as the worker found them: step after step of the plan, each by the digests of the
values that it read. Neither the newest record of a step nor that of the newest run need be it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from archivist.catalog import tables
from archivist.catalog.bulk import PAGE, pages
from archivist.catalog.certifications import ever_accepted
from archivist.catalog.reading import ids_of_assets, records_of_rows
from archivist.catalog.session import Catalog
from archivist.model import Action, Role, Status, StepRecord, Supplied


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A record that led to a result, and the run that made it (which may be an earlier one)."""

    record: StepRecord
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the frozen plan of a run says of an asset: steps with versions and params; masks."""

    steps: tuple[tuple[str, int | None, Mapping[str, object] | None, str | None], ...] = ()
    """(step, version, params, step key); None for what the plan does not say."""
    supplied: tuple[Supplied, ...] = ()


_run, _step, _item = tables.run.c, tables.step.c, tables.work_item.c


def records_behind(
    catalog: Catalog, runs: Mapping[str, int]
) -> dict[str, tuple[tuple[Made, ...], Plan]]:
    """Return the records that led to each asset's result in a run, in order, and its plan.

    ``runs`` maps uids of assets to numbers of runs. A step that failed in that run is the last.
    """
    found: dict[str, tuple[tuple[Made, ...], Plan]] = {}
    for page in pages(runs.items(), PAGE // 5):
        found.update(_page_behind(catalog, dict(page)))
    return found


def _page_behind(
    catalog: Catalog, runs: Mapping[str, int]
) -> dict[str, tuple[tuple[Made, ...], Plan]]:
    with catalog.reading() as connection:
        uids = ids_of_assets(connection, runs)
        rows = connection.execute(
            select(tables.step)
            .where(_step.asset_id.in_(list(uids)), _step.run_id <= max(runs.values(), default=0))
            .order_by(_step.id)
        ).all()
        rows = [row for row in rows if row.run_id <= runs[uids[row.asset_id]]]
        records = records_of_rows(connection, catalog.memo, rows, uids)
        names = catalog.memo.run_uids(connection, {row.run_id for row in rows})
        equal = ever_accepted(connection)
        plans = _plans(catalog, connection, {number: runs[uid] for number, uid in uids.items()})
    by_asset: defaultdict[str, list[tuple[int, Made]]] = defaultdict(list)
    for row, record in zip(rows, records, strict=True):
        by_asset[record.asset].append((row.run_id, Made(record=record, run=names[row.run_id])))
    return {
        uid: (_chain(by_asset[uid], plans[number], runs[uid], equal), plans[number])
        for number, uid in uids.items()
    }


def _chain(
    made: Sequence[tuple[int, Made]],
    plan: Plan,
    run: int,
    equal: Collection[tuple[str, int, int]],
) -> tuple[Made, ...]:
    """Walk the steps of a plan, and take of each the record that fits the values so far.

    ``equal`` are the versions that stand for others: what was reused of them fits, too.
    """
    steps = plan.steps or tuple(
        (step, None, None, None)
        for step in dict.fromkeys(
            one.record.step for _, one in sorted(made, key=lambda pair: pair[1].record.ordinal)
        )
    )
    values: dict[str, str] = {one.port: one.digest for one in plan.supplied}
    chain: list[Made] = []
    for step, version, params, key in steps:
        fitting = [
            (number, one)
            for number, one in made
            if one.record.step == step
            and (
                version in (None, one.record.version)
                or (step, one.record.version, version) in equal
            )
            and (params is None or dict(params) == dict(one.record.params))
            and _reads(one.record, values)
        ]
        fitting = [pair for pair in fitting if pair[1].record.key == key] or fitting
        fitting = [pair for pair in fitting if pair[1].record.version == version] or fitting
        usable = [
            one
            for number, one in fitting
            if one.record.status is not Status.FAILED or number == run
        ]
        if not usable:
            continue
        chain.append(usable[-1])
        if chain[-1].record.status is Status.FAILED:
            break
        values.update({output.port: output.digest for output in chain[-1].record.outputs})
    return tuple(chain)


def _reads(record: StepRecord, values: Mapping[str, str]) -> bool:
    """Tell whether a record read these values, as far as they are known."""
    known = {"image": record.asset, **values}
    return all(
        known.get(use.port, use.digest) == use.digest
        for use in record.inputs
        if use.role not in Role.PHOTOGRAPHS
    )


@dataclass(slots=True)
class _Draft:
    steps: list[tuple[str, int | None, Mapping[str, object] | None, str | None]] = field(
        default_factory=list
    )
    supplied: tuple[Supplied, ...] = ()


def _plans(
    catalog: Catalog, connection: Connection, runs: Mapping[int, int]
) -> defaultdict[int, Plan]:
    """Return the plans of assets by their numbers; ``runs`` maps these to numbers of runs."""
    found: defaultdict[int, Plan] = defaultdict(Plan)
    for run in set(runs.values()):
        assets = [asset for asset, number in runs.items() if number == run]
        found.update(_plans_of_run(catalog, connection, run, assets))
        missing = [asset for asset in assets if not found[asset].steps]
        recipe = _recipe_of(connection, run) if missing else ()
        found.update({asset: Plan(steps=recipe) for asset in missing})
    return found


def _plans_of_run(
    catalog: Catalog, connection: Connection, run: int, assets: Collection[int]
) -> dict[int, Plan]:
    page, task = tables.plan_page.c, tables.plan_task.c
    items = items_of(connection, run, assets)
    drafts: defaultdict[int, _Draft] = defaultdict(_Draft)
    planned = connection.execute(
        select(page.asset_id, page.supplied).where(page.run_id == run, page.item.in_(items))
    )
    for asset, supplied in planned:
        drafts[asset].supplied = tuple(
            Supplied(port=port, path=path, digest=digest) for port, path, digest in supplied or ()
        )
    tasks = connection.execute(
        select(task.asset_id, task.step, task.version, task.params_id, task.key)
        .where(task.run_id == run, task.item.in_(items), task.action != Action.DENIED.value)
        .order_by(task.item, task.asset_id, task.ordinal)
    ).all()
    params = catalog.memo.rows(connection, tables.params, {row.params_id for row in tasks})
    for row in tasks:
        value = params[row.params_id].value
        drafts[row.asset_id].steps.append((row.step, row.version, value, row.key))
    return {
        asset: Plan(steps=tuple(drafts[asset].steps), supplied=drafts[asset].supplied)
        for asset in assets
        if asset in drafts
    }


def denied_steps(connection: Connection, runs: Mapping[int, int]) -> dict[int, frozenset[str]]:
    """Return the steps that rights forbade in the plans of assets; ``runs`` as in :func:`plans`.

    An asset to which all was forbidden has no plan, and is left out.
    """
    task = tables.plan_task.c
    found: defaultdict[int, set[str]] = defaultdict(set)
    for run in set(runs.values()):
        assets = [asset for asset, number in runs.items() if number == run]
        rows = connection.execute(
            select(task.asset_id, task.step).where(
                task.run_id == run,
                task.item.in_(items_of(connection, run, assets)),
                task.action == Action.DENIED.value,
            )
        )
        for asset, step in rows:
            found[asset].add(step)
    return {asset: frozenset(steps) for asset, steps in found.items()}


def items_of(connection: Connection, run: int, assets: Collection[int]) -> list[int]:
    """Return the work items of assets: named by the scan's digest, else (sequences) by a walk."""
    asset, page = tables.asset.c, tables.plan_page.c
    digests = {
        row.id: row.digest
        for row in connection.execute(
            select(asset.id, asset.digest).where(asset.id.in_(list(assets)))
        )
    }
    units = connection.execute(
        select(_item.ordinal, _item.unit).where(
            _item.run_id == run, _item.unit.in_(sorted(set(digests.values())))
        )
    ).all()
    named = {row.unit for row in units}
    rest = [number for number, digest in digests.items() if digest not in named]
    walked: Sequence[int] = ()
    if rest:
        walked = connection.scalars(
            select(page.item).where(page.run_id == run, page.asset_id.in_(rest)).distinct()
        ).all()
    return [*(row.ordinal for row in units), *walked]


def _recipe_of(connection: Connection, run: int) -> tuple[tuple[str, None, None, None], ...]:
    value = connection.scalar(
        select(tables.recipe.c.value)
        .join(tables.run, _run.recipe_id == tables.recipe.c.id)
        .where(_run.id == run)
    )
    steps = (value or {}).get("steps", ())
    return tuple((step["step"], None, None, None) for step in steps)
