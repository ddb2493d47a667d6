"""Look at what is stored before new records are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, literal_column, select

from archivist.catalog import tables
from archivist.catalog.bulk import select_in
from archivist.model import Artifact, Status

FINISHED = (Status.DONE, Status.SKIPPED)
"""Status of the records whose results may be reused."""


@dataclass(slots=True)
class StoredResult:
    """A finished record that has the key of a new one.

    ``outputs`` maps a port to ordinal, digest of the value, and whether its file is kept.
    """

    step_id: int
    asset_id: int
    record: str
    outputs: dict[str, tuple[int, str, bool]] = field(default_factory=dict)


def by_port(outputs: Sequence[Artifact]) -> dict[str, tuple[int, str, bool]]:
    """Return ordinal, digest and whether it is kept, of each output by its port."""
    return {out.port: (n, out.digest, out.kept) for n, out in enumerate(outputs)}


def value_digests(outputs: dict[str, tuple[int, str, bool]]) -> dict[str, str]:
    """Return the digest of each output by its port."""
    return {port: digest for port, (_, digest, _) in outputs.items()}


_step, _out = tables.step.c, tables.artifact.c
_STORED = (
    select(
        _step.key,
        _step.id,
        _step.asset_id,
        _step.digest,
        _out.ordinal,
        _out.port,
        _out.digest.label("value"),
        _out.kept,
        tables.blob.c.purged,
    )
    .select_from(
        tables.step.outerjoin(tables.artifact, _out.step_id == _step.id).outerjoin(
            tables.blob, tables.blob.c.digest == _out.blob
        )
    )
    .where(tables.IS_FINISHED)
)


def stored_results(connection: Connection, keys: Iterable[str]) -> dict[str, list[StoredResult]]:
    """Return the finished records that have one of these keys, of any asset."""
    found: dict[int, StoredResult] = {}
    by_key: dict[str, list[StoredResult]] = {}
    for row in select_in(connection, _STORED, _step.key, keys):
        key, number, asset_id, record, ordinal, port, value, kept, purged = row
        if number not in found:
            found[number] = StoredResult(number, asset_id, record)
            by_key.setdefault(key, []).append(found[number])
        if port is not None:
            found[number].outputs[port] = (ordinal, value, kept and purged is None)
    return by_key


_NEWEST = (
    select(_step.asset_id, tables.plugin_version.c.step, _step.key)
    .join(tables.plugin_version, tables.plugin_version.c.id == _step.plugin_version_id)
    .where(_step.status != literal_column("'failed'"))
    .order_by(_step.id)
)


def newest_keys(connection: Connection, assets: Iterable[int]) -> dict[tuple[int, str], str]:
    """Return the key of the newest record of each (asset, step) that did not fail."""
    rows = select_in(connection, _NEWEST, _step.asset_id, assets)
    return {(asset_id, step): key for asset_id, step, key in rows}
