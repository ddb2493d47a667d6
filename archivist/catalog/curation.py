"""What is decided about results after they were made: reviews, deleted files, duplicates."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection, func, select

from archivist.catalog import ledger
from archivist.catalog.bulk import change_rows, insert_one, insert_rows, pages
from archivist.catalog.events import EventDraft, add_events
from archivist.catalog.near import near_pairs
from archivist.catalog.repeats import asset_ids
from archivist.catalog.rows import Decision
from archivist.catalog.tables import asset, blob, duplicate, event, review
from archivist.model import now

_DUPLICATE = ("first_asset", "second_asset", "distance", "run_id")
_HASH_DIGITS = 16
COMPARED = "scan.compared"
"""Type of the event that tells which perceptual hashes were compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDraft:
    """What a person says of the result of an asset, given by its uid.

    ``records`` are the digests of the step records that were looked at, ``results`` those of the
    output files; ``redo`` are params with which a rejected result is to be made again, by step.
    """

    asset: str
    decision: Decision
    by: str
    reason: str = ""
    records: Sequence[str] = ()
    results: Sequence[str] = ()
    redo: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def add_reviews(connection: Connection, drafts: Sequence[ReviewDraft]) -> None:
    """Add reviews; what they mean for a result says :mod:`archivist.catalog.standing`."""
    numbers = asset_ids(connection, {draft.asset for draft in drafts})
    for draft in drafts:
        row = {
            "asset_id": numbers[draft.asset],
            "decision": draft.decision.value,
            "reviewer": draft.by,
            "reason": draft.reason,
            "at": now(),
            "records": tuple(draft.records),
            "results": tuple(draft.results),
            "redo": {step: dict(params) for step, params in draft.redo.items()} or None,
        }
        ledger.enter_facts(connection, ledger.REVIEW, [insert_one(connection, review, row)])
    events = [
        EventDraft(
            type=f"review.{draft.decision.value}",
            asset=numbers[draft.asset],
            detail={"reason": draft.reason} if draft.reason else {},
            actor=draft.by,
        )
        for draft in drafts
    ]
    add_events(connection, events)


def mark_purged(connection: Connection, digests: Sequence[str], reason: str) -> int:
    """Turn blobs into tombstones; return how many were not before."""
    marked = 0
    for page in pages(digests):
        marked += change_rows(
            connection, blob, {"purged": now()}, {"digest": page, "purged": [None]}
        )
    if marked:
        detail = {"blobs": marked, "reason": reason}
        add_events(connection, [EventDraft(type="blob.purged", detail=detail)])
    return marked


def find_near(connection: Connection, max_distance: int) -> Iterable[tuple[int, int, int]]:
    """Return pairs of asset numbers whose perceptual hashes differ in few bits."""
    ids, hashes = array("q"), array("Q")
    wanted = select(asset.c.id, asset.c.perceptual_hash).order_by(asset.c.id)
    rows = connection.execution_options(yield_per=10_000).execute(
        wanted.where(asset.c.perceptual_hash.is_not(None))
    )
    for number, text in rows:
        if len(text) == _HASH_DIGITS:
            ids.append(number)
            hashes.append(int(text, 16))
    values = np.frombuffer(hashes, dtype=np.uint64) if hashes else np.empty(0, np.uint64)
    return ((ids[a], ids[b], distance) for a, b, distance in near_pairs(values, max_distance))


def hashed(connection: Connection) -> dict[str, int]:
    """Return how many assets have a perceptual hash, and the newest of them."""
    counted = select(func.count(asset.c.perceptual_hash), func.max(asset.c.id))
    count, newest = connection.execute(counted.where(asset.c.perceptual_hash.is_not(None))).one()
    return {"hashes": count, "newest": newest or 0}


def is_compared(connection: Connection, state: Mapping[str, int]) -> bool:
    """Tell whether the hashes of this state were compared already."""
    newest = select(event.c.detail).where(event.c.type == COMPARED).order_by(event.c.id.desc())
    return connection.scalar(newest.limit(1)) == state


def add_near(connection: Connection, pairs: Sequence[tuple[int, int, int]], run: int) -> None:
    """Add near duplicates that are not known yet."""
    rows = [(*pair, run) for pair in pairs]
    insert_rows(connection, duplicate, _DUPLICATE, rows, conflict=_DUPLICATE[:2])
