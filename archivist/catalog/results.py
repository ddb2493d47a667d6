"""What was done before: results by step key, and the newest records of assets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import literal_column, select

from archivist.catalog import tables
from archivist.catalog.bulk import Row, pages, select_in, select_raw
from archivist.catalog.reading import (
    OUTPUT,
    artifacts_of,
    ids_of_assets,
    inputs_of,
    weights_of,
)
from archivist.catalog.rows import Previous
from archivist.catalog.session import Catalog
from archivist.model import Artifact, KnownResult, Status

_step, _version = tables.step.c, tables.plugin_version.c
_KNOWN = (
    select(_step.key, _step.digest, _step.status, _step.reason, *OUTPUT)
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
    found: dict[str, KnownResult] = {}
    with catalog.reading() as connection:
        for rows in select_raw(connection, _KNOWN, _step.key, keys):
            _add_known(found, rows)
    return found


_TIMES = select(_step.key, _step.started).where(tables.IS_FINISHED).order_by(_step.id.desc())


def times_of(catalog: Catalog, keys: Iterable[str]) -> dict[str, datetime]:
    """Return when the steps of these keys began that :func:`known` tells of."""
    with catalog.reading() as connection:
        return dict(select_in(connection, _TIMES, _step.key, keys))


def _add_known(found: dict[str, KnownResult], rows: Iterable[Row]) -> None:
    """Add the results of a page of rows; inlined, for it runs for every step of every asset."""
    records: dict[bytes, bytes] = {}
    for (
        key,
        record,
        status,
        reason,
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
            outputs=outputs,
        )


_FAILED = (
    select(_step.asset_id, _step.id, _step.key, _step.status, _step.code, _step.reason)
    .where(_step.status != literal_column("'reused'"))
    .order_by(_step.asset_id, _step.id)
)


def failed_before(catalog: Catalog, keys: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return code and reason of the steps that failed when last tried: asset -> (code, reason).

    ``keys`` maps the uid of an asset to the key of the step that is asked about.
    """
    found: dict[str, tuple[str, str]] = {}
    with catalog.reading() as connection:
        uids = ids_of_assets(connection, keys)
        for number, _, key, status, code, reason in select_in(
            connection, _FAILED, _step.asset_id, uids
        ):
            uid = uids[number]
            if key == keys[uid]:
                found.pop(uid, None)
                if status == Status.FAILED:
                    found[uid] = code, reason
    return found


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
        key, record, status, reason, seed, device = row[7:]
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
                outputs=outputs[number],
            ),
            seed=seed,
            device=device,
            run=runs[row[6]],
        )
    return found
