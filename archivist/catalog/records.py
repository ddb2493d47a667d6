"""Record what workers send back: step records, outputs, outcomes, counters, in one transaction.

Everything is decided before it is written: with one writer inside ``BEGIN IMMEDIATE`` nothing can
come between the look and the write, and rows with what hangs on them go in bulk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, update

from archivist.catalog import tables
from archivist.catalog.bulk import execute_rows, insert_rows
from archivist.catalog.events import EventDraft, add_events
from archivist.catalog.flags import flag_events
from archivist.catalog.outcomes import close_units, open_units
from archivist.catalog.publications import add_publications, aside_events
from archivist.catalog.repeats import Repeats, asset_ids
from archivist.catalog.step_rows import StepRows
from archivist.catalog.stored import (
    FINISHED,
    StoredResult,
    by_port,
    newest_keys,
    stored_results,
    value_digests,
)
from archivist.model import Artifact, Status, StepRecord, UnitOutcome

_KEPT = ("b_step", "b_ordinal", "blob", "kept", "size", "media_type")
KEEP = (
    update(tables.artifact)
    .where(tables.artifact.c.step_id == bindparam("b_step"))
    .where(tables.artifact.c.ordinal == bindparam("b_ordinal"))
    .values(**{name: bindparam(name) for name in _KEPT[2:]})
)


@dataclass(slots=True)
class _Rows:
    """What one transaction writes besides the steps."""

    blobs: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    kept_now: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[EventDraft] = field(default_factory=list)


class Recorder:
    """Turns outcomes into rows; lives for one transaction."""

    def __init__(self, connection: Connection, repeats: Repeats, *, run: int, uid: str) -> None:
        self._connection, self._repeats, self._run = connection, repeats, run
        self._named = (run, uid)
        self._rows, self._steps = _Rows(), StepRows(connection, repeats)
        self._ids = repeats.ids(connection, tables.step)
        self._stored: dict[str, list[StoredResult]] = {}
        self._made: dict[str, list[tuple[int, int, StepRecord]]] = {}
        self._newest: dict[tuple[int, str], str] = {}
        self._assets: dict[str, int] = {}

    def record(self, outcomes: Sequence[UnitOutcome], *, collection: int, ends: bool = True) -> int:
        """Write the outcomes that are not yet written; return how many those are.

        Without ``ends`` the records and counters are written, but not that assets ended.
        """
        fresh = open_units(self._connection, run=self._run, outcomes=outcomes)
        assets = [asset for outcome in fresh for asset in outcome.assets]
        records = [record for asset in assets for record in asset.records]
        self._assets = asset_ids(
            self._connection,
            {asset.asset for asset in assets} | {record.asset for record in records},
        )
        self._look_up(records)
        for outcome in fresh:
            for asset in outcome.assets:
                for record in asset.records:
                    self._add(record, outcome)
                self._rows.events += flag_events(asset, self._assets[asset.asset], self._run)
            self._rows.events += aside_events(outcome, self._assets, self._run)
        self._write()
        add_publications(
            self._connection,
            self._repeats,
            run=self._run,
            collection=collection,
            items=[item for outcome in fresh for item in outcome.publications],
        )
        close_units(
            self._connection, run=self._run, outcomes=fresh, assets=self._assets if ends else None
        )
        return len(fresh)

    def _look_up(self, records: Sequence[StepRecord]) -> None:
        """Find stored records of the same keys, and what reused records come after."""
        finished = {record.key for record in records if record.status in FINISHED}
        self._stored = stored_results(self._connection, finished)
        reused = {self._assets[r.asset] for r in records if r.status is Status.REUSED}
        self._newest = newest_keys(self._connection, reused)

    def _add(self, record: StepRecord, outcome: UnitOutcome) -> None:
        asset_id = self._assets[record.asset]
        for output in record.outputs:
            if output.blob is not None:
                self._rows.blobs[output.blob] = (output.blob, output.size, output.media_type, None)
        newest = self._newest.get((asset_id, record.step))
        if record.status in FINISHED:
            if self._is_stored(record, asset_id):
                return
        elif record.status is Status.REUSED and newest == record.key:
            return  # nothing new: the newest record of this step is the one that was reused
        self._newest[asset_id, record.step] = record.key
        step_id = next(self._ids)
        self._steps.add(
            record,
            step_id,
            asset_id=asset_id,
            run=self._named,
            environment=outcome.environment,
        )
        if record.status in FINISHED:
            self._made.setdefault(record.key, []).append((step_id, asset_id, record))

    def _is_stored(self, record: StepRecord, asset_id: int) -> bool:
        """Compare with stored results of the same key; tell whether this asset has its record."""
        made = self._made.get(record.key, ())
        candidates = [
            *self._stored.get(record.key, ()),
            *(StoredResult(n, a, one.digest, by_port(one.outputs)) for n, a, one in made),
        ]
        for stored in candidates:
            if value_digests(stored.outputs) != value_digests(by_port(record.outputs)):
                self._rows.events.append(self._nondeterministic(record, stored, asset_id))
            elif stored.asset_id == asset_id:
                self._keep_again(record.outputs, stored)
            if stored.asset_id == asset_id:
                return True
        return False

    def _keep_again(self, outputs: Sequence[Artifact], stored: StoredResult) -> None:
        """Note the files of a result that was known only by its digests and was made again."""
        for output in outputs:
            ordinal, _, kept = stored.outputs[output.port]
            if output.kept and not kept:
                file = (output.blob, True, output.size, output.media_type)
                self._rows.kept_now.append((stored.step_id, ordinal, *file))

    def _nondeterministic(
        self, record: StepRecord, stored: StoredResult, asset_id: int
    ) -> EventDraft:
        detail = {
            "step": record.step,
            "key": record.key,
            "stored_record": stored.record,
            "stored": value_digests(stored.outputs),
            "now": value_digests(by_port(record.outputs)),
            "determinism": record.determinism,
        }
        return EventDraft(
            type="step.nondeterministic", run=self._run, asset=asset_id, detail=detail
        )

    def _write(self) -> None:
        connection, rows = self._connection, self._rows
        insert_rows(
            connection,
            tables.blob,
            ("digest", "size", "media_type", "purged"),
            list(rows.blobs.values()),
            conflict=("digest",),
            update=("purged",),  # a file that was deleted is there again
        )
        self._steps.write()
        execute_rows(connection, KEEP, _KEPT, rows.kept_now, called="keep")
        add_events(connection, rows.events)
