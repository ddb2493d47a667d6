"""Look at what is stored before new records are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from archivist.catalog import tables
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


def stored_results(connection: Connection, keys: Sequence[str]) -> dict[str, list[StoredResult]]:
    """Return the finished records that have one of these keys, of any asset."""
    step, artifact, blob = tables.step, tables.artifact, tables.blob
    rows = connection.execute(
        select(
            step.c.id,
            step.c.asset_id,
            step.c.key,
            step.c.digest,
            artifact.c.ordinal,
            artifact.c.port,
            artifact.c.digest.label("value"),
            artifact.c.kept,
            blob.c.purged,
        )
        .select_from(
            step.outerjoin(artifact, artifact.c.step_id == step.c.id).outerjoin(
                blob, blob.c.digest == artifact.c.blob
            )
        )
        .where(step.c.key.in_(keys), tables.IS_FINISHED)
    )
    found: dict[int, StoredResult] = {}
    by_key: dict[str, list[StoredResult]] = {}
    for row in rows:
        if row.id not in found:
            found[row.id] = StoredResult(row.id, row.asset_id, row.digest)
            by_key.setdefault(row.key, []).append(found[row.id])
        if row.port is not None:
            kept = row.kept and row.purged is None
            found[row.id].outputs[row.port] = (row.ordinal, row.value, kept)
    return by_key


def newest_keys(connection: Connection, assets: Sequence[int]) -> dict[tuple[int, str], str]:
    """Return the key of the newest record of each (asset, step) that did not fail."""
    step, version = tables.step, tables.plugin_version
    rows = connection.execute(
        select(step.c.asset_id, version.c.step, step.c.key)
        .join(version, version.c.id == step.c.plugin_version_id)
        .where(step.c.asset_id.in_(assets), step.c.status != "failed")
        .order_by(step.c.id)
    )
    return {(row.asset_id, row.step): row.key for row in rows}
