"""Certifications: that other versions or weights of steps were tried on recorded results.

Each trial and each decision is a row of its own; the newest decision on the same changes holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from archivist.api.errors import UsageError
from archivist.catalog import ledger, tables
from archivist.catalog.bulk import PAGE, insert_one
from archivist.catalog.session import Catalog
from archivist.model import now

ACCEPTED, REJECTED = "accepted", "rejected"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Change:
    """What a step was, and what it would be: versions, and digests of weights in their order."""

    step: str
    version: int
    weights: tuple[str, ...]
    new_version: int
    new_weights: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certification:
    """A trial, or a decision on one: ``accepted``, ``rejected``, or empty where nobody decided.

    ``results`` holds ``sample`` (scans), ``counts`` by verdict, ``tolerance``, ``largest``,
    ``mean`` and ``share`` of the differences, ``psnr`` of the worst, and ``outputs``.
    """

    number: int
    run: str
    operator: str
    name: str
    changes: tuple[Change, ...]
    results: Mapping[str, Any]
    decision: str
    decided_by: str
    reason: str
    at: datetime

    @property
    def equivalent(self) -> bool:
        """True when every output of the sample came out alike, or within the tolerance."""
        counts = self.results.get("counts", {})
        return bool(counts) and not {"different", "cannot be reproduced"}.intersection(counts)


_c = tables.certification.c


def add_certification(
    connection: Connection,
    *,
    run: int,
    name: str,
    changes: Sequence[Change],
    results: Mapping[str, Any],
    decision: str = "",
    by: str = "",
    reason: str = "",
) -> int:
    """Record a trial or a decision, and return its number."""
    row = {
        "run_id": run,
        "name": name,
        "changes": [asdict(one) for one in changes],
        "results": dict(results),
        "decision": decision,
        "decided_by": by,
        "reason": reason,
        "at": now(),
    }
    number = insert_one(connection, tables.certification, row)
    ledger.enter_facts(connection, ledger.CERTIFICATION, [number])
    return number


def certifications(catalog: Catalog) -> tuple[Certification, ...]:
    """Return all trials and decisions of the collection, oldest first."""
    run = tables.run.c
    wanted = (
        select(*tables.certification.c, run.uid, run.operator)
        .join(tables.run, run.id == _c.run_id)
        .where(run.collection_id == catalog.collection_id)
        .order_by(_c.id)
    )
    with catalog.reading() as connection:
        return tuple(_certification(row) for row in connection.execute(wanted))


def certification(catalog: Catalog, number: int) -> Certification:
    """Return a trial or decision by its number. Raises UsageError."""
    for one in certifications(catalog):
        if one.number == number:
            return one
    raise UsageError(
        f"there is no certification {number}. Cure: archivist certify list shows them all"
    )


def in_force(catalog: Catalog) -> tuple[Certification, ...]:
    """Return the accepted certifications that no later decision on the same changes revoked."""
    newest = {one.changes: one for one in certifications(catalog) if one.decision}
    return tuple(one for one in newest.values() if one.decision == ACCEPTED)


def ever_accepted(connection: Connection) -> frozenset[tuple[str, int, int]]:
    """Return (step, version, new version) of all changes that were accepted at some time."""
    wanted = select(_c.changes).where(_c.decision == ACCEPTED)
    return frozenset(
        (one["step"], one["version"], one["new_version"])
        for changes in connection.scalars(wanted)
        for one in changes
    )


def scans_with(catalog: Catalog, steps: Sequence[str]) -> Iterator[str]:
    """Yield the digests of the scans that any of these steps treated, each once, in order."""
    asset, step, version = tables.asset.c, tables.step.c, tables.plugin_version.c
    after = ""
    while True:
        wanted = (
            select(asset.digest)
            .join(tables.step, step.asset_id == asset.id)
            .join(tables.plugin_version, version.id == step.plugin_version_id)
            .where(version.step.in_(list(steps)))
            .distinct()
            .order_by(asset.digest)
            .limit(PAGE * 10)
        )
        if after:
            wanted = wanted.where(asset.digest > after)
        with catalog.reading() as connection:
            found = connection.scalars(wanted).all()
        yield from found
        if len(found) < PAGE * 10:
            return
        after = found[-1]


def _certification(row: Any) -> Certification:
    return Certification(
        number=row.id,
        run=row.uid,
        operator=row.operator,
        name=row.name,
        changes=tuple(
            Change(
                step=one["step"],
                version=one["version"],
                weights=tuple(one["weights"]),
                new_version=one["new_version"],
                new_weights=tuple(one["new_weights"]),
            )
            for one in row.changes
        ),
        results=row.results,
        decision=row.decision,
        decided_by=row.decided_by,
        reason=row.reason,
        at=row.at,
    )
