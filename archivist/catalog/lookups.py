"""What a scan and a planner ask: what was there, what is known, what was done before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, literal_column, select

from archivist.catalog import tables
from archivist.catalog.bulk import Row, pages, select_in, select_raw
from archivist.catalog.reading import (
    OUTPUT,
    artifacts_of,
    asset_of,
    ids_of_assets,
    inputs_of,
    weights_of,
)
from archivist.catalog.rows import (
    Approval,
    Decision,
    FileStat,
    KnownRefusal,
    Outcome,
    Previous,
    Published,
)
from archivist.catalog.session import Catalog
from archivist.catalog.types import from_json
from archivist.model import Artifact, Asset, KnownResult

_WINDOW = 2000  # rows; one look-up in a million files costs 7 microseconds this way, else 250


@dataclass(frozen=True, slots=True)
class _Window:
    """The files whose paths are at least ``start`` and at most ``end`` (None: to the last)."""

    start: str
    end: str | None
    files: Mapping[str, FileStat]

    def covers(self, path: str) -> bool:
        return self.start <= path and (self.end is None or path <= self.end)


class FileStats:
    """The files of the last scan by path; made for a walk through folders in order.

    It reads ahead in windows of some thousand paths and keeps a few of them, so that memory stays
    flat for a million files. ``get`` and ``in`` work as with a dict.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._windows: deque[_Window] = deque(maxlen=4)

    def get(self, path: str, default: FileStat | None = None) -> FileStat | None:
        """Return what is known of a file that was present, else ``default``."""
        for window in self._windows:
            if window.covers(path):
                return window.files.get(path, default)
        self._windows.appendleft(self._load(path))
        return self._windows[0].files.get(path, default)

    def __contains__(self, path: str) -> bool:
        return self.get(path) is not None

    def __getitem__(self, path: str) -> FileStat:
        found = self.get(path)
        if found is None:
            raise KeyError(path)
        return found

    def _load(self, path: str) -> _Window:
        table = tables.scan_file.c
        with self._catalog.reading() as connection:
            rows = connection.execute(
                select(table.path, table.size, table.mtime_ns, table.digest, table.present)
                .where(table.collection_id == self._catalog.collection_id, table.path >= path)
                .order_by(table.path)
                .limit(_WINDOW)
            ).all()
        files = {
            row.path: FileStat(size=row.size, mtime_ns=row.mtime_ns, digest=row.digest)
            for row in rows
            if row.present
        }
        return _Window(path, rows[-1].path if len(rows) == _WINDOW else None, files)


def file_stats(catalog: Catalog) -> FileStats:
    """Return the files of the last scan, to be asked by path."""
    return FileStats(catalog)


def refusals(catalog: Catalog, *, after: str = "", limit: int = 1000) -> tuple[KnownRefusal, ...]:
    """Return a page of the files refused by the last scan, by path; ``after`` is the last seen."""
    table = tables.refusal.c
    with catalog.reading() as connection:
        rows = connection.execute(
            select(table.path, table.code, table.reason, table.status, table.size, table.mtime_ns)
            .where(table.collection_id == catalog.collection_id, table.path > after)
            .where(table.present == 1)
            .order_by(table.path)
            .limit(limit)
        )
        return tuple(KnownRefusal(**row._mapping) for row in rows)


def assets_of(catalog: Catalog, digests: Iterable[str]) -> dict[str, tuple[Asset, ...]]:
    """Return the pages of files by the digest of the file, in order."""
    found: dict[str, tuple[Asset, ...]] = {}
    table = tables.asset
    with catalog.reading() as connection:
        for page in pages(set(digests)):
            for row in connection.execute(
                select(table).where(table.c.digest.in_(page)).order_by(table.c.digest, table.c.page)
            ):
                found[row.digest] = (*found.get(row.digest, ()), asset_of(row))
    return found


def paths_of(catalog: Catalog, digests: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the present copies of files by digest, sorted by path."""
    table = tables.scan_file.c
    found: dict[str, tuple[str, ...]] = {}
    with catalog.reading() as connection:
        for page in pages(set(digests)):
            for digest, path in connection.execute(
                select(table.digest, table.path)
                .where(table.collection_id == catalog.collection_id, table.digest.in_(page))
                .where(table.present == 1)
                .order_by(table.path)
            ):
                found[digest] = (*found.get(digest, ()), path)
    return found


_step, _version = tables.step.c, tables.plugin_version.c
_KNOWN = (
    select(_step.key, _step.digest, _step.status, _step.reason, _step.scores, *OUTPUT)
    .select_from(
        tables.step.outerjoin(tables.artifact, tables.artifact.c.step_id == _step.id).outerjoin(
            tables.blob, tables.blob.c.digest == tables.artifact.c.blob
        )
    )
    .where(tables.IS_FINISHED)
    .order_by(_step.id, tables.artifact.c.ordinal)
)


def known(catalog: Catalog, keys: Iterable[str]) -> dict[str, KnownResult]:
    """Return the stored results of step keys; a key that is not there has none."""
    parse = from_json if catalog.backend == "sqlite" else _as_it_is
    found: dict[str, KnownResult] = {}
    with catalog.reading() as connection:
        for rows in select_raw(connection, _KNOWN, _step.key, keys):
            _add_known(found, rows, parse)
    return found


def _as_it_is(value: Any) -> Any:
    return value


def _add_known(
    found: dict[str, KnownResult], rows: Iterable[Row], parse: Callable[[Any], Any]
) -> None:
    """Add the results of a page of rows; inlined, for it runs for every step of every asset."""
    records: dict[bytes, bytes] = {}
    for (
        key,
        record,
        status,
        reason,
        scores,
        port,
        kind,
        value,
        kept,
        blob,
        size,
        media_type,
        width,
        height,
        purged,
    ) in rows:
        name = key.hex()
        first = records.setdefault(key, record)
        if first != record:
            continue  # another page of a file has the same key; its first record will do
        outputs: tuple[Artifact, ...] = ()
        if port is not None:
            output = Artifact(
                port=port,
                kind=kind,
                digest=value.hex(),
                kept=kept == 1 and purged is None,
                blob=None if blob is None else blob.hex(),
                size=size,
                media_type=media_type,
                width=width,
                height=height,
            )
            outputs = (output,) if first is record else (*found[name].outputs, output)
        found[name] = KnownResult(
            key=name,
            record=record.hex(),
            status=status,
            reason=reason,
            scores={} if scores is None else parse(scores),
            outputs=outputs,
        )


_HISTORY = (
    select(
        _step.asset_id,
        _version.step,
        _step.id,
        _step.plugin_version_id,
        _step.params_id,
        _step.tiling_id,
        _step.run_id,
        _step.key,
        _step.digest,
        _step.status,
        _step.reason,
        _step.scores,
        _step.seed,
        _step.device,
    )
    .join(tables.plugin_version, _version.id == _step.plugin_version_id)
    .where(_step.status != literal_column("'failed'"))
    .order_by(_step.asset_id, _step.id)
)


def previous(
    catalog: Catalog, assets: Iterable[str], steps: Sequence[str] = ()
) -> dict[tuple[str, str], Previous]:
    """Return the newest finished record of each (asset uid, step id), of these steps or of all."""
    found: dict[tuple[str, str], Previous] = {}
    for page in pages(set(assets)):
        found.update(_previous(catalog, page, frozenset(steps)))
    return found


def _previous(
    catalog: Catalog, assets: Sequence[str], steps: frozenset[str]
) -> dict[tuple[str, str], Previous]:
    memo = catalog.memo
    with catalog.reading() as connection:
        uids = ids_of_assets(connection, assets)
        newest = {row[:2]: row for row in select_in(connection, _HISTORY, _step.asset_id, uids)}
        chosen = [row for place, row in newest.items() if not steps or place[1] in steps]
        ids = [row[2] for row in chosen]
        inputs, outputs = inputs_of(connection, ids), artifacts_of(connection, ids)
        weights = weights_of(connection, memo, ids)
        versions = memo.rows(connection, tables.plugin_version, {row[3] for row in chosen})
        params = memo.rows(connection, tables.params, {n for row in chosen for n in row[4:6]})
        runs = memo.run_uids(connection, {row[6] for row in chosen})
    found: dict[tuple[str, str], Previous] = {}
    for row in chosen:
        asset, step, number = uids[row[0]], row[1], row[2]
        key, record, status, reason, scores, seed, device = row[7:]
        found[asset, step] = Previous(
            asset=asset,
            step=step,
            version=versions[row[3]].version,
            key=key,
            record=record,
            status=status,
            reason=reason,
            params=params[row[4]].value,
            tiling=params[row[5]].value,
            inputs=inputs[number],
            weights=weights[number],
            result=KnownResult(
                key=key,
                record=record,
                status=status,
                reason=reason,
                scores=scores or {},
                outputs=outputs[number],
            ),
            seed=seed,
            device=device,
            run=runs[row[6]],
        )
    return found


def last_outcomes(catalog: Catalog, assets: Iterable[str]) -> dict[str, Outcome]:
    """Return how assets ended in the newest run that treated them."""
    table = tables.asset_outcome.c
    found: dict[str, Outcome] = {}
    with catalog.reading() as connection:
        for page in pages(set(assets)):
            uids = ids_of_assets(connection, page)
            for row in connection.execute(
                select(*tables.asset_outcome.c, tables.run.c.uid)
                .join(tables.run, tables.run.c.id == table.run_id)
                .where(table.asset_id.in_(list(uids)))
                .order_by(table.run_id)
            ):
                found[uids[row.asset_id]] = Outcome(
                    asset=uids[row.asset_id],
                    status=row.status,
                    code=row.code,
                    message=row.message,
                    seconds=row.seconds,
                    run=row.uid,
                )
    return found


def last_failures(catalog: Catalog, assets: Iterable[str]) -> dict[str, Outcome]:
    """Return the assets that failed in the newest run that treated them."""
    outcomes = last_outcomes(catalog, assets)
    return {uid: outcome for uid, outcome in outcomes.items() if outcome.status == "failed"}


def reviews(catalog: Catalog, assets: Iterable[str]) -> dict[str, Approval]:
    """Return the newest review of each asset that has one."""
    table = tables.review.c
    found: dict[str, Approval] = {}
    with catalog.reading() as connection:
        for page in pages(set(assets)):
            uids = ids_of_assets(connection, page)
            for row in connection.execute(
                select(tables.review).where(table.asset_id.in_(list(uids))).order_by(table.id)
            ):
                found[uids[row.asset_id]] = Approval(
                    asset=uids[row.asset_id],
                    decision=Decision(row.decision),
                    reviewer=row.reviewer,
                    reason=row.reason,
                    at=row.at,
                    records=row.records,
                )
    return found


def pinned(catalog: Catalog, assets: Iterable[str]) -> dict[str, Approval]:
    """Return the approvals in force: a planner leaves these results as they are."""
    newest = reviews(catalog, assets)
    return {uid: one for uid, one in newest.items() if one.decision is Decision.APPROVE}


def published(catalog: Catalog, digests: Iterable[str]) -> dict[tuple[str, str, str], Published]:
    """Return what lies in the output folder: (digest of the scan, profile, source) to the file."""
    table, newer = tables.publication.c, tables.publication.alias("newer")
    overwritten = exists().where(
        newer.c.collection_id == table.collection_id,
        newer.c.path == table.path,
        newer.c.id > table.id,
    )
    found: dict[tuple[str, str, str], Published] = {}
    with catalog.reading() as connection:
        for page in pages(set(digests)):
            for row in connection.execute(
                select(*tables.publication.c, tables.run.c.uid)
                .join(tables.run, tables.run.c.id == table.run_id)
                .where(table.collection_id == catalog.collection_id, table.digest.in_(page))
                .where(~overwritten)
                .order_by(table.id)
            ):
                found[row.digest, row.profile, row.source] = Published(
                    digest=row.digest,
                    profile=row.profile,
                    source=row.source,
                    path=row.path,
                    output_digest=row.output_digest,
                    key=row.key or "",
                    size=row.size,
                    untouched=row.untouched,
                    run=row.uid,
                )
    return found
