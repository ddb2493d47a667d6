"""How photographs came to be: what was published of them, and the records that led to it.

A run that found its results done already wrote no records of its own. So the records behind an
output are found as the worker found them: step after step of the plan, each by the digests of the
values that it read. Neither the newest record of a step nor that of the newest run need be it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, func, select

from archivist.catalog import tables
from archivist.catalog.bulk import PAGE, pages
from archivist.catalog.flags import flags_of
from archivist.catalog.queue import run_number
from archivist.catalog.reading import ids_of_assets, records_of_rows, uids_of_assets
from archivist.catalog.rows import Approval, Decision
from archivist.catalog.session import Catalog
from archivist.model import Flag, MetadataContract, Publication, Status, StepRecord, Supplied

NO_VALUE = frozenset({"reference", "chosen"})
"""Roles of photographs that a step borrowed from: named in its inputs, but no values of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file that was published. ``run`` is the uid of the run, ``number`` its place in time."""

    id: int
    publication: Publication
    run: str
    number: int
    at: datetime
    replaced: bool
    """True when another file lies at its path now."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a photograph ended in a run."""

    run: str
    number: int
    status: str
    code: str
    message: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What people and checks said of a photograph, oldest first."""

    reviews: tuple[Approval, ...] = ()
    flags: tuple[Flag, ...] = ()


_pub, _run, _step = tables.publication.c, tables.run.c, tables.step.c
_contract, _item = tables.contract.c, tables.work_item.c
_newer = tables.publication.alias("newer").c
_REPLACED = exists().where(
    _newer.collection_id == _pub.collection_id, _newer.path == _pub.path, _newer.id > _pub.id
)
_WRITTEN = (
    select(
        *tables.publication.c,
        *(_contract[name] for name in ("kept", "changed", "added", "lost")),
        _run.uid.label("run"),
        _REPLACED.label("replaced"),
    )
    .join(tables.contract, _contract.id == _pub.contract_id)
    .join(tables.run, _run.id == _pub.run_id)
    .order_by(_pub.id)
)


def written_of(
    catalog: Catalog, digests: Iterable[str], *, until: int | None = None
) -> dict[str, tuple[Written, ...]]:
    """Return every file that was ever published of scans, by the digest of the scan, oldest first.

    With ``until``, the number of a run, only those of that run and earlier ones.
    """
    found: defaultdict[str, tuple[Written, ...]] = defaultdict(tuple)
    wanted = _WRITTEN.where(_pub.collection_id == catalog.collection_id)
    if until is not None:
        wanted = wanted.where(_pub.run_id <= until)
    with catalog.reading() as connection:
        for page in pages(set(digests)):
            for row in connection.execute(wanted.where(_pub.digest.in_(page))):
                found[row.digest] += (_written(row),)
    return dict(found)


def _written(row: Any) -> Written:
    contract = MetadataContract(
        kept=tuple(row.kept), changed=row.changed, added=row.added, lost=row.lost
    )
    return Written(
        id=row.id,
        publication=Publication(
            source=row.source,
            digest=row.digest,
            profile=row.profile,
            path=row.path,
            output_digest=row.output_digest,
            size=row.size,
            media_type=row.media_type,
            untouched=row.untouched,
            contract=contract,
            key=row.key or "",
        ),
        run=row.run,
        number=row.run_id,
        at=row.at,
        replaced=bool(row.replaced),
    )


def endings_of(catalog: Catalog, asset: str) -> tuple[Ending, ...]:
    """Return how an asset ended in each run that treated it, oldest first."""
    table = tables.asset_outcome.c
    with catalog.reading() as connection:
        ids = ids_of_assets(connection, [asset])
        rows = connection.execute(
            select(*table, _run.uid.label("run"))
            .join(tables.run, _run.id == table.run_id)
            .where(table.asset_id.in_(list(ids)))
            .order_by(table.run_id)
        ).all()
    return tuple(
        Ending(
            run=row.run,
            number=row.run_id,
            status=row.status,
            code=row.code,
            message=row.message,
            seconds=row.seconds,
        )
        for row in rows
    )


def opinion_of(catalog: Catalog, asset: str) -> Opinion:
    """Return all reviews of an asset, and all flags that checks have set."""
    table = tables.review.c
    with catalog.reading() as connection:
        ids = list(ids_of_assets(connection, [asset]))
        rows = connection.execute(
            select(tables.review).where(table.asset_id.in_(ids)).order_by(table.id)
        ).all()
        flags = flags_of(connection, ids)
    reviews = tuple(
        Approval(
            asset=asset,
            decision=Decision(row.decision),
            reviewer=row.reviewer,
            reason=row.reason,
            at=row.at,
            records=row.records,
        )
        for row in rows
    )
    return Opinion(reviews=reviews, flags=tuple(flags[ids[0]]) if ids and ids[0] in flags else ())


def newest_run(catalog: Catalog, asset: str) -> int | None:
    """Return the number of the newest run that recorded a step or an ending of an asset."""
    outcome = tables.asset_outcome.c
    with catalog.reading() as connection:
        ids = list(ids_of_assets(connection, [asset]))
        newest = [
            connection.scalar(select(func.max(column.run_id)).where(column.asset_id.in_(ids)))
            for column in (_step, outcome)
        ]
    return max((number for number in newest if number is not None), default=None)


# --- the records behind a result ------------------------------------------------------------


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
        plans = _plans(catalog, connection, {number: runs[uid] for number, uid in uids.items()})
    by_asset: defaultdict[str, list[tuple[int, Made]]] = defaultdict(list)
    for row, record in zip(rows, records, strict=True):
        by_asset[record.asset].append((row.run_id, Made(record=record, run=names[row.run_id])))
    return {
        uid: (_chain(by_asset[uid], plans[number], runs[uid]), plans[number])
        for number, uid in uids.items()
    }


def _chain(made: Sequence[tuple[int, Made]], plan: Plan, run: int) -> tuple[Made, ...]:
    """Walk the steps of a plan, and take of each the record that fits the values so far."""
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
            and version in (None, one.record.version)
            and (params is None or dict(params) == dict(one.record.params))
            and _reads(one.record, values)
        ]
        fitting = [pair for pair in fitting if pair[1].record.key == key] or fitting
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
        if use.role not in NO_VALUE
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
    items = _items_of(connection, run, assets)
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
        .where(task.run_id == run, task.item.in_(items))
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


def _items_of(connection: Connection, run: int, assets: Collection[int]) -> list[int]:
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


# --- runs -----------------------------------------------------------------------------------


def runs_beginning(catalog: Catalog, digits: str, *, limit: int = 20) -> tuple[str, ...]:
    """Return the uids of runs of the collection that begin so, newest first."""
    escaped = digits.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    wanted = (
        select(_run.uid)
        .where(
            _run.collection_id == catalog.collection_id, _run.uid.like(f"{escaped}%", escape="\\")
        )
        .order_by(_run.id.desc())
        .limit(limit)
    )
    with catalog.reading() as connection:
        return tuple(connection.scalars(wanted))


def run_numbers(catalog: Catalog, uids: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers of runs, which give their order in time. Raises CatalogError."""
    with catalog.reading() as connection:
        return tuple(run_number(connection, uid) for uid in uids)


def treated_by(catalog: Catalog, runs: Sequence[int]) -> Iterator[str]:
    """Yield the uids of all assets that any of these runs treated, in the order of discovery."""
    outcome, after = tables.asset_outcome.c, 0
    while True:
        with catalog.reading() as connection:
            wanted = (
                select(outcome.asset_id)
                .where(outcome.run_id.in_(list(runs)), outcome.asset_id > after)
                .distinct()
                .order_by(outcome.asset_id)
                .limit(PAGE)
            )
            numbers = connection.scalars(wanted).all()
            uids = uids_of_assets(connection, numbers)
        if not numbers:
            return
        yield from (uids[number] for number in numbers)
        after = numbers[-1]


def lying(files: Sequence[Written]) -> list[Written]:
    """Return of all that was published of a scan what lies there after the last of it.

    Of a profile only what was published together: an older file may have had another name.
    """
    newest = {one.publication.path: one for one in files}
    runs: dict[tuple[str, str], int] = {}
    for one in newest.values():
        place = one.publication.profile, one.publication.source
        runs[place] = max(one.number, runs.get(place, 0))
    return [
        one
        for one in newest.values()
        if one.number == runs[one.publication.profile, one.publication.source]
    ]
