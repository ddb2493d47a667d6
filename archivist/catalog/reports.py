"""What a report, an export and ``verify`` read, streamed so that memory stays flat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, func, select

from archivist.catalog import tables
from archivist.catalog.behind import denied_steps
from archivist.catalog.bulk import pages
from archivist.catalog.endings import last_outcomes, reviews
from archivist.catalog.flags import FLAGGED, flags_of, in_force
from archivist.catalog.in_place import OVERWRITTEN
from archivist.catalog.lookups import paths_of
from archivist.catalog.queue import run_number
from archivist.catalog.reading import (
    asset_of,
    ids_of_assets,
    records_of_rows,
    uids_of_assets,
)
from archivist.catalog.rows import ArtifactRow, AssetReport, Outcome
from archivist.catalog.session import Catalog
from archivist.model import Asset, MetadataContract, Publication, StepRecord

_PAGE = 200  # assets; each comes with some 5 records and their parts
_asset, _file, _step = tables.asset.c, tables.scan_file.c, tables.step.c


def report_rows(
    catalog: Catalog, *, run: str | None = None, assets: Iterable[str] | None = None
) -> Iterator[AssetReport]:
    """Yield everything a report tells, one asset after the other, in the order of their discovery.

    Of all assets with a present file, or of those that ``run`` treated, or of ``assets``. Each
    is told as its newest run left it.
    """
    for page in _asset_pages(catalog, run=run, assets=assets):
        yield from _reports(catalog, page)


def _asset_pages(
    catalog: Catalog, *, run: str | None = None, assets: Iterable[str] | None = None
) -> Iterator[dict[int, Asset]]:
    """Yield pages of assets by their row numbers."""
    wanted = select(tables.asset).order_by(_asset.id).limit(_PAGE)
    if assets is not None:
        for uids in pages(assets, _PAGE):
            with catalog.reading() as connection:
                ids = ids_of_assets(connection, uids)
                rows = connection.execute(wanted.where(_asset.id.in_(list(ids)))).all()
            yield {row.id: asset_of(row) for row in rows}
        return
    if run is None:
        present = _file.collection_id == catalog.collection_id, _file.present == 1
        wanted = wanted.where(exists().where(_file.digest == _asset.digest, *present))
    else:
        outcome = tables.asset_outcome.c
        with catalog.reading() as connection:
            number = run_number(connection, run)
        treated = exists().where(outcome.asset_id == _asset.id, outcome.run_id == number)
        wanted = wanted.where(treated)
    after = 0
    while True:
        with catalog.reading() as connection:
            rows = connection.execute(wanted.where(_asset.id > after)).all()
        if not rows:
            return
        yield {row.id: asset_of(row) for row in rows}
        after = rows[-1].id


def _reports(catalog: Catalog, assets: Mapping[int, Asset]) -> Iterator[AssetReport]:
    uids = {number: asset.uid for number, asset in assets.items()}
    digests = {asset.digest for asset in assets.values()}
    paths = paths_of(catalog, digests)
    outcomes = last_outcomes(catalog, uids.values())
    approvals = reviews(catalog, uids.values())
    outputs = defaultdict(list)
    for item in publications(catalog, digests=digests):
        outputs[item.digest].append(item)
    with catalog.reading() as connection:
        recipes = _recipe_steps(connection, {one.run for one in outcomes.values()})
        denied = denied_steps(connection, _runs_of(connection, uids, outcomes))
        records = _newest_records(catalog, connection, uids)
        flags = flags_of(connection, uids)
    for number, asset in assets.items():
        outcome = outcomes.get(asset.uid)
        steps = recipes.get(outcome.run, ()) if outcome else ()
        made = records.get(asset.uid, {})
        left_out = denied.get(number, frozenset())
        used = _in_order({step: made[step] for step in made if step not in left_out}, steps)
        yield AssetReport(
            asset=asset,
            paths=paths.get(asset.digest, ()),
            **_ending(outcome),
            records=used,
            publications=tuple(outputs[asset.digest]),
            approval=approvals.get(asset.uid),
            flags=in_force(flags.get(number, ()), used),
        )


def _runs_of(
    connection: Connection, uids: Mapping[int, str], outcomes: Mapping[str, Outcome]
) -> dict[int, int]:
    """Return the number of the run that treated each asset last, by the asset's number."""
    run = tables.run.c
    names = {one.run for one in outcomes.values()}
    rows = connection.execute(select(run.uid, run.id).where(run.uid.in_(names)))
    numbers = {row.uid: row.id for row in rows}
    return {n: numbers[outcomes[uid].run] for n, uid in uids.items() if uid in outcomes}


def _ending(outcome: Outcome | None) -> dict[str, Any]:
    if outcome is None:
        return {"status": "pending"}
    names = ("status", "code", "message", "seconds", "run")
    return {name: getattr(outcome, name) for name in names}


def _in_order(records: Mapping[str, StepRecord], steps: Sequence[str]) -> tuple[StepRecord, ...]:
    """Return the records of a recipe's steps, up to the first that failed."""
    found: list[StepRecord] = []
    for step in steps or sorted(records):
        if step in records:
            found.append(records[step])
            if records[step].status == "failed":
                break
    return tuple(found)


def _recipe_steps(connection: Connection, runs: Collection[str]) -> dict[str, tuple[str, ...]]:
    run, recipe = tables.run.c, tables.recipe.c
    rows = connection.execute(
        select(run.uid, recipe.value)
        .join(tables.recipe, recipe.id == run.recipe_id)
        .where(run.uid.in_(runs))
    )
    return {uid: tuple(step["step"] for step in value["steps"]) for uid, value in rows}


def _newest_records(
    catalog: Catalog, connection: Connection, uids: Mapping[int, str]
) -> dict[str, dict[str, StepRecord]]:
    """Return the newest record of each step, by asset and step."""
    version = tables.plugin_version.c
    heads = connection.execute(
        select(_step.id, _step.asset_id, version.step)
        .join(tables.plugin_version, version.id == _step.plugin_version_id)
        .where(_step.asset_id.in_(list(uids)))
        .order_by(_step.id)
    )
    newest = {(row.asset_id, row.step): row.id for row in heads}
    rows: list[Row[Any]] = []
    for page in pages(newest.values()):
        rows.extend(connection.execute(select(tables.step).where(_step.id.in_(page))))
    found: defaultdict[str, dict[str, StepRecord]] = defaultdict(dict)
    for record in records_of_rows(connection, catalog.memo, rows, uids):
        found[record.asset][record.step] = record
    return found


def flagged(catalog: Catalog, *, limit: int) -> list[AssetReport]:
    """Return assets with a flag in force, of the newest ``limit`` that were flagged.

    An asset that a person has reviewed since is left out.
    """
    newest = (
        select(tables.event.c.asset_id, func.max(tables.event.c.at).label("at"))
        .where(tables.event.c.type == FLAGGED)
        .group_by(tables.event.c.asset_id)
        .order_by(func.max(tables.event.c.id).desc())
        .limit(limit)
    )
    with catalog.reading() as connection:
        times = {row.asset_id: row.at for row in connection.execute(newest)}
        uids = uids_of_assets(connection, list(times))
    by_uid = {uids[number]: at for number, at in times.items()}
    return [
        row
        for row in report_rows(catalog, assets=list(by_uid))
        if row.flags and (row.approval is None or row.approval.at < by_uid[row.asset.uid])
    ]


def artifacts(
    catalog: Catalog, *, assets: Iterable[str] | None = None, kinds: Collection[str] = ()
) -> Iterator[ArtifactRow]:
    """Yield the outputs of the newest record of each step: of all assets or some, of some kinds."""
    for page in _asset_pages(catalog, assets=assets):
        uids = {number: asset.uid for number, asset in page.items()}
        digests = {asset.uid: asset.digest for asset in page.values()}
        paths = paths_of(catalog, digests.values())
        with catalog.reading() as connection:
            newest = _newest_records(catalog, connection, uids)
        for uid in uids.values():
            for record in sorted(newest.get(uid, {}).values(), key=lambda one: one.ordinal):
                for output in record.outputs:
                    if not kinds or output.kind in kinds:
                        yield ArtifactRow(
                            asset=uid,
                            paths=paths.get(digests[uid], ()),
                            step=record.step,
                            version=record.version,
                            status=record.status.value,
                            record=record.digest,
                            artifact=output,
                        )


def publications(
    catalog: Catalog,
    *,
    digests: Iterable[str] | None = None,
    paths: Iterable[str] | None = None,
    lossy: bool = False,
) -> Iterator[Publication]:
    """Yield the files that lie in the output folder, with their metadata contracts.

    Of some scans (``digests``), or at some output ``paths``, or all, by path; with ``lossy`` only
    those whose contract names losses.
    """
    table, contract = tables.publication.c, tables.contract.c
    wanted = (
        select(*tables.publication.c, *(contract[n] for n in ("kept", "changed", "added", "lost")))
        .join(tables.contract, contract.id == table.contract_id)
        .where(table.collection_id == catalog.collection_id, ~OVERWRITTEN)
        .order_by(table.path)
    )
    if lossy:
        wanted = wanted.where(contract.lossy == 1)
    for column, values in ((table.digest, digests), (table.path, paths)):
        if values is not None:
            for page in pages(values):
                with catalog.reading() as connection:
                    rows = connection.execute(wanted.where(column.in_(page))).all()
                yield from map(_publication, rows)
            return
    after = ""
    while True:
        with catalog.reading() as connection:
            rows = connection.execute(wanted.where(table.path > after).limit(_PAGE)).all()
        if not rows:
            return
        yield from map(_publication, rows)
        after = rows[-1].path


def _publication(row: Row[Any]) -> Publication:
    return Publication(
        source=row.source,
        digest=row.digest,
        profile=row.profile,
        path=row.path,
        output_digest=row.output_digest,
        size=row.size,
        media_type=row.media_type,
        untouched=row.untouched,
        key=row.key or "",
        contract=MetadataContract(
            kept=tuple(row.kept), changed=row.changed, added=row.added, lost=row.lost
        ),
    )
