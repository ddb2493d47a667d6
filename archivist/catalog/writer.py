"""The single writer: everything that changes the catalog goes through here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from archivist.api.errors import CatalogError
from archivist.catalog import curation, ledger, plans, rights, scans
from archivist.catalog.bulk import change_rows, insert_one, pages, weighed_pages
from archivist.catalog.certifications import add_certification
from archivist.catalog.events import EventDraft, add_events
from archivist.catalog.fixity import Check, add_checks
from archivist.catalog.records import Recorder
from archivist.catalog.repeats import Repeats, asset_ids
from archivist.catalog.replays import Replayed, add_replays
from archivist.catalog.results import previous
from archivist.catalog.rows import Decision, RunState
from archivist.catalog.session import Catalog
from archivist.catalog.standing import standings
from archivist.catalog.tables import run
from archivist.catalog.uuid7 import uuid7
from archivist.ledger.checkpoint import Checkpoint
from archivist.model import Recipe, Refusal, ScanFile, UnitOutcome, WorkUnit, now
from archivist.rights import Denials

_OPEN = [state.value for state in RunState if state.is_open]


class Writer:
    """Writes to a catalog that was opened with ``write=True``.

    Every method is one transaction, or one for each batch of a stream; after a method returned,
    what it wrote is on the disk. Raises CatalogError when another writer has taken over, when a run
    is not known, or when the database fails. ``sign`` signs the checkpoints of the ledger.
    """

    def __init__(self, catalog: Catalog, *, sign: ledger.Sign | None = None) -> None:
        self.catalog, self._sign = catalog, sign
        self._repeats = Repeats()
        self._runs: dict[str, int] = {}
        self._passes: set[int] = set()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self.catalog.writing() as connection:
                yield connection
        except BaseException:
            self._repeats.forget()  # numbers given out in it name no rows
            raise

    @property
    def _collection(self) -> int:
        number = self.catalog.collection_id
        assert number is not None, "a catalog open for writing has its collection"
        return number

    # --- runs ---

    def start_run(
        self,
        *,
        command: str,
        operator: str = "",
        settings: Mapping[str, object] | None = None,
        recipe: Recipe | None = None,
        started: datetime | None = None,
    ) -> str:
        """Begin a run and return its uid; runs that a dead process left open are interrupted."""
        uid = str(uuid7())
        with self._transaction() as connection:
            self._interrupt_open(connection)
            row = {
                "uid": uid,
                "collection_id": self._collection,
                "command": command,
                "recipe_id": self._repeats.recipe(connection, recipe) if recipe else None,
                "operator": operator,
                "settings": dict(settings or {}),
                "state": RunState.PLANNING.value,
                "started": started or now(),
            }
            number = insert_one(connection, run, row)
        self._runs[uid] = number
        return uid

    def make_first_pass(self, uid: str, *, command: str, recipe: Recipe) -> None:
        """Let a run that has scanned only prepare another, which follows it.

        It records no outcomes of assets, because none ends with what it does.
        """
        number = self._run(uid)
        self._passes.add(number)
        with self._transaction() as connection:
            changed = {"command": command, "recipe_id": self._repeats.recipe(connection, recipe)}
            change_rows(connection, run, changed, {"id": [number]})

    def take_over_scan(self, uid: str, *, of: str) -> None:
        """Let a run go on with what another has scanned, as if it had scanned it itself."""
        before, after = self._run(of), self._run(uid)
        with self._transaction() as connection:
            scans.take_over(connection, collection=self._collection, before=before, after=after)

    def finish_run(self, uid: str, state: RunState = RunState.DONE) -> None:
        """Close a run, with a checkpoint of the ledger when it recorded something."""
        number = self._run(uid)
        with self._transaction() as connection:
            ended = {"state": state.value, "finished": now()}
            change_rows(connection, run, ended, {"id": [number]})
            add_events(connection, [EventDraft(type=f"run.{state.value}", run=number)])
            ledger.add_checkpoint(connection, run=number, run_uid=uid, sign=self._sign)

    def checkpoint(self) -> Checkpoint | None:
        """Add a checkpoint of the ledger now; None when the newest says the same already."""
        with self._transaction() as connection:
            return ledger.add_checkpoint(connection, run=None, sign=self._sign)

    def _interrupt_open(self, connection: Connection) -> None:
        """We hold the lock, so no process can be working on an open run."""
        left = connection.scalars(select(run.c.id).where(run.c.state.in_(_OPEN))).all()
        if left:
            values = {"state": RunState.INTERRUPTED.value, "finished": now()}
            change_rows(connection, run, values, {"id": left})
            add_events(connection, [EventDraft(type="run.interrupted", run=n) for n in left])

    def _run(self, uid: str) -> int:
        if uid not in self._runs:
            with self.catalog.reading() as connection:
                number = connection.scalar(select(run.c.id).where(run.c.uid == uid))
            if number is None:
                raise CatalogError(f"there is no run {uid}. Cure: archivist status lists the runs")
            self._runs[uid] = number
        return self._runs[uid]

    # --- scan ---

    def add_scan(self, uid: str, items: Iterable[ScanFile | Refusal]) -> None:
        """Record files and refusals as they stream in; saying the same again changes nothing."""
        number = self._run(uid)
        for batch in pages(items):
            with self._transaction() as connection:
                scans.add_batch(
                    connection,
                    self._repeats,
                    collection=self._collection,
                    run=number,
                    items=batch,
                )

    def finish_scan(self, uid: str) -> tuple[int, int]:
        """Mark files and refusals that this scan did not see as absent; return how many.

        Only after a whole scan: a sample sees few files.
        """
        with self._transaction() as connection:
            return scans.finish(connection, collection=self._collection, run=self._run(uid))

    def near_duplicates(self, uid: str, max_distance: int = 4) -> int:
        """Find and record pairs of assets that look alike; return how many were found.

        ``max_distance`` is in bits of the 64-bit perceptual hash, 0..11. When no hash is new since
        the last time, nothing is compared and 0 returned.
        """
        number, found = self._run(uid), 0
        with self.catalog.reading() as connection:
            state = {**curation.hashed(connection), "bits": max_distance}
            if curation.is_compared(connection, state):
                return 0
            near = list(curation.find_near(connection, max_distance))
        for batch in pages(near, 1000):
            with self._transaction() as connection:
                curation.add_near(connection, batch, number)
            found += len(batch)
        self.add_event(curation.COMPARED, run=uid, detail=state)
        return found

    # --- plan and work ---

    def store_plan(
        self,
        uid: str,
        recipe: Recipe | None,
        units: Iterable[WorkUnit],
        *,
        has_work: Callable[[WorkUnit], bool] = plans.needs_work,
    ) -> str:
        """Store and freeze a plan; return its digest. The run is then ``running``.

        Units stream in plan order. Those for which ``has_work`` is false are only counted by reason
        and enter the digest; the others become work items with all their tasks.
        """
        plan = plans.PlanStore(self._run(uid), self._repeats, has_work)
        for batch in weighed_pages(units, plans.count_pages):
            with self._transaction() as connection:
                plan.add(connection, batch)
        with self._transaction() as connection:
            return plan.freeze(connection, recipe)

    def record(self, uid: str, outcomes: Sequence[UnitOutcome]) -> int:
        """Record outcomes and close their work items in one transaction; return how many were new.

        Outcomes of units that are closed already are left out, so that recording twice does no
        harm. A result with a known key but other values never replaces the stored one: it leaves an
        event ``step.nondeterministic``.
        """
        number = self._run(uid)
        with self._transaction() as connection:
            recorder = Recorder(connection, self._repeats, run=number, uid=uid)
            ends = number not in self._passes
            return recorder.record(outcomes, collection=self._collection, ends=ends)

    # --- checks ---

    def add_replays(
        self,
        uid: str,
        items: Sequence[Replayed],
        environment: tuple[str, Mapping[str, object]] | None = None,
    ) -> None:
        """Record how outputs compared that were made again in an environment (digest, value)."""
        number = self._run(uid)
        with self._transaction() as connection:
            add_replays(connection, self._repeats, run=number, items=items, environment=environment)

    def add_checks(self, uid: str, checks: Sequence[Check]) -> None:
        """Record that files were read and compared with their digests."""
        number = self._run(uid)
        with self._transaction() as connection:
            add_checks(connection, run=number, collection=self._collection, checks=checks)

    def add_certification(self, uid: str, **facts: Any) -> int:
        """Record a trial or a decision on one; see :func:`add_certification`."""
        number = self._run(uid)
        with self._transaction() as connection:
            return add_certification(connection, run=number, **facts)

    # --- decisions and history ---

    def review(self, asset: str, decision: Decision, *, by: str, **more: Any) -> None:
        """Approve, reject or comment on the result of an asset; an approved one is pinned.

        ``more`` are the other fields of :class:`~archivist.catalog.curation.ReviewDraft`. By
        default the newest record of each step and all output files in place were looked at.
        """
        if "records" not in more:
            newest = previous(self.catalog, [asset]).values()
            more["records"] = [one.record for one in newest]
        if "results" not in more:
            more["results"] = standings(self.catalog, [asset])[asset].results
        draft = curation.ReviewDraft(asset=asset, decision=Decision(decision), by=by, **more)
        self.add_reviews([draft])

    def add_reviews(self, drafts: Sequence[curation.ReviewDraft]) -> None:
        """Add what a person says of several results, all of it or nothing."""
        with self._transaction() as connection:
            curation.add_reviews(connection, drafts)

    def note_denials(self, uid: str, denied: Mapping[str, Denials]) -> int:
        """Add events for what rights deny to assets, or allow again; return how many are new."""
        number = self._run(uid)
        with self._transaction() as connection:
            return rights.note_denials(connection, number, denied)

    def withdraw_references(
        self, assets: Iterable[str], *, by: str, reason: str, again: bool = False
    ) -> None:
        """Let photographs lend nothing any more; with ``again``, let them lend again."""
        with self._transaction() as connection:
            rights.withdraw(connection, assets, by=by, reason=reason, again=again)

    def forget_blobs(self, digests: Iterable[str], *, reason: str) -> int:
        """Mark stored files as deleted; records and digests stay. Return how many are new.

        Call it before the files are deleted: a mark too many only makes a result again.
        """
        with self._transaction() as connection:
            return curation.mark_purged(connection, list(digests), reason)

    def add_event(
        self,
        type: str,  # noqa: A002 (the field's name)
        *,
        run: str | None = None,
        asset: str | None = None,
        detail: Mapping[str, object] | None = None,
        actor: str = "",
    ) -> None:
        """Add an event: ``type`` is a noun, a dot and a verb."""
        number = self._run(run) if run is not None else None
        with self._transaction() as connection:
            known = asset_ids(connection, [asset] if asset is not None else [])
            draft = EventDraft(
                type=type,
                run=number,
                asset=known.get(asset or ""),
                detail=detail or {},
                actor=actor,
            )
            add_events(connection, [draft])
