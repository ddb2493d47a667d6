"""Make of a recorded result the unit that a worker does again, or say what is missing for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from archivist.api.steps import Kind
from archivist.catalog import queries
from archivist.catalog.certifications import Change
from archivist.catalog.history import makers_of
from archivist.model import (
    Action,
    Artifact,
    FileWork,
    Handed,
    PageWork,
    Role,
    Status,
    StepRecord,
    Supplied,
    Task,
    WorkUnit,
)
from archivist.pipeline.replay.missing import (
    Installed,
    changed_declaration,
    fitting_families,
    unknown_step,
)
from archivist.pipeline.replay.recorded import Chain, RecordedRun
from archivist.pipeline.replay.targets import Target
from archivist.plan.recipe import full_params
from archivist.plugins import make_params
from archivist.report.words import readable, short
from archivist.step.worked import edited, worked_at
from archivist.store.blobs import BlobStore

_NOT_HANDED = (
    "what was made of the members of the sequence before it is not in the store any more. "
    "Cure: bring the store back from a backup, or replay what comes before it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is to be done for a target; with ``missing`` it cannot be done.

    ``family`` is that of the step keys, ``gpu`` says that some of it was done on one, ``threads``
    how many the last step had, 0 where that is not recorded.
    """

    target: Target
    records: Mapping[str, tuple[StepRecord, ...]]
    """The records behind the pages of the target, by asset."""
    missing: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    """Of steps that are only tried: what was recorded, and what is installed."""
    unit: WorkUnit | None = None
    family: str = "cpu"
    gpu: bool = False
    threads: int = 0


class Preparer:
    """Prepares the targets of one run."""

    def __init__(self, run: RecordedRun, installed: Installed, store: BlobStore | None) -> None:
        self.run, self.installed, self.store = run, installed, store

    def prepare(self, targets: Sequence[Target]) -> Iterator[Prepared]:
        """Yield what is to be done for each target, in their order."""
        units = self.run.units([one.digest for one in targets])
        for target in targets:
            if target.digest in units:
                yield self._prepared(target, *units[target.digest])
            else:
                told = f"the plan of run {target.uid} does not hold this scan"
                yield Prepared(target=target, records={}, missing=(told,))

    def _prepared(self, target: Target, unit: WorkUnit, place: int) -> Prepared:
        chains = {place: self.run.chains(unit.files[place])}
        start, handed = place, self._handed(unit.files[place], chains[place])
        while handed is None and start:  # what was handed on is gone: it is made again, too
            start -= 1
            chains[start] = self.run.chains(unit.files[start])
            handed = self._handed(unit.files[start], chains[start])
        parts = [self._file(unit.files[n], chains[n], n == place) for n in range(start, place + 1)]
        records = [one for n in chains for told in _records(chains[n]).values() for one in told]
        missing = [problem for _, problems in parts for problem in problems]
        if handed is None:
            missing.append(_NOT_HANDED)
        fits = [(one, found) for one in records if (found := self._fits(one)) is not None]
        families = fitting_families([found for _, found in fits])
        if not missing:
            missing = [changed_declaration(one) for one, found in fits if not found]
        return Prepared(
            target=target,
            records=_records(chains[place]),
            missing=tuple(dict.fromkeys(missing)),
            changes=tuple(self.installed.changes(_records(chains[place]).values())),
            family=min(families, default="cpu"),
            gpu=any(one.device == "cuda" for one in records),
            threads=self.run.threads(records[-1].environment) if records else 0,
            unit=replace(
                unit,
                uid=target.digest,
                files=tuple(file for file, _ in parts),
                # A name of its own: members that are made again need not wait for each other.
                sequence=unit.sequence and target.digest,
                handed=handed or (),
            ),
        )

    def _fits(self, record: StepRecord) -> frozenset[str] | None:
        """Return the families that give the recorded key; None for a step that is only tried."""
        spec = self.installed.plugins.steps.get(record.step)
        if record.step in self.installed.trial or spec is None or spec.version != record.version:
            return None
        return self.installed.families(record)

    # --- sequences ---

    def _handed(self, file: FileWork, chains: Mapping[str, Chain]) -> tuple[Handed, ...] | None:
        """Return what the first page read of members before, from the store; None if it is gone."""
        first, asset = file.pages[0], file.pages[0].asset
        records = [one.record for one in chains.get(asset.uid, ((), None))[0]]
        wanted = [
            (record, use.digest, port.previous)
            for record in records
            if record.step in self.installed.plugins.steps
            for port in self.installed.plugins.steps[record.step].inputs
            for use in record.inputs
            if port.previous and use.port == port.name and use.role not in Role.PHOTOGRAPHS
        ]
        if any(record.step in self.installed.trial for record, *_ in wanted):
            return None  # what is tried must read what it makes itself
        made = makers_of(self.run.catalog, [digest for _, digest, _ in wanted])
        found = [self._kept(made, records, first, *one) for one in wanted]
        return None if None in found else tuple(one for one in found if one is not None)

    def _kept(
        self,
        made: Iterable[StepRecord],
        records: Sequence[StepRecord],
        page: PageWork,
        reader: StepRecord,
        digest: str,
        port: str,
    ) -> Handed | None:
        for one in made:
            for artifact in one.outputs:
                fits = (artifact.port, artifact.digest) == (port, digest)
                if one.digest in reader.parents and fits and self._is_there(artifact):
                    return Handed(
                        ordinal=reader.ordinal,
                        record=one.digest,
                        artifact=artifact,
                        path=self._path_of(one.asset),
                        size=page.asset.header.upright_size,
                        grown=self._grown(records, reader.ordinal),
                    )
        return None

    def _is_there(self, artifact: Artifact) -> bool:
        if self.store is None or artifact.blob is None or artifact.kind == Kind.REFERENCES:
            return False
        return self.store.check(artifact.blob)

    def _path_of(self, asset: str) -> str:
        digest = asset.partition("#")[0]
        paths = queries.paths_of(self.run.catalog, [digest]).get(digest, ())
        return paths[0] if paths else short(digest)

    def _grown(self, records: Sequence[StepRecord], ordinal: int) -> int:
        """Return how many times larger than the scan a picture is after a step."""
        grown = 1
        for one in records:
            spec = self.installed.plugins.steps.get(one.step)
            makes_image = any(output.kind == Kind.IMAGE for output in one.outputs)
            if spec is not None and makes_image and one.ordinal <= ordinal:
                grown *= spec.scale(make_params(spec, one.params))
        return grown

    # --- one file ---

    def _file(
        self, file: FileWork, chains: Mapping[str, Chain], asked: bool
    ) -> tuple[FileWork, list[str]]:
        path, problem = self.installed.path_of(file)
        problems = [problem] if problem else []
        pages = []
        for page in file.pages:
            made, plan = chains.get(page.asset.uid, ((), None))
            records = {one.record.step: one.record for one in made}
            supplied = page.supplied if plan is None else plan.supplied
            problems += self._lacks(page, records, supplied)
            pages.append(self._page(page, records, supplied))
        if problems and not asked:
            name = readable(file.paths[0] if file.paths else file.digest)
            problems = [f"{name}, earlier in the sequence: {one}" for one in problems]
        records_behind = (one.record for made, _ in chains.values() for one in made)
        when = worked_at((edited(one.outputs), one.started) for one in records_behind)
        return replace(file, paths=(path,), pages=tuple(pages), when=when), problems

    def _lacks(
        self, page: PageWork, records: Mapping[str, StepRecord], supplied: Sequence[Supplied]
    ) -> Iterator[str]:
        yield from self.installed.lacks_codec(page.asset.header)
        failed = any(one.status is Status.FAILED for one in records.values())
        for task in page.tasks:
            record = records.get(task.step)
            if task.action is Action.DENIED:  # it left no record, then and now
                continue
            if record is None:
                if not failed:  # after a failure there are none
                    yield unknown_step(task.step, page.asset.uid)
                continue
            yield from self.installed.lacks_step(record)
            yield from self.installed.lacks_references(record.inputs)
        yield from self.installed.lacks_supplied(supplied)

    def _page(
        self, page: PageWork, records: Mapping[str, StepRecord], supplied: Sequence[Supplied]
    ) -> PageWork:
        tasks = tuple(self._task(task, records.get(task.step)) for task in page.tasks)
        return replace(page, tasks=tasks, known=(), supplied=tuple(supplied))

    def _task(self, task: Task, record: StepRecord | None) -> Task:
        """Return a task that runs with the recorded params, of the version that shall do it."""
        spec = self.installed.plugins.steps.get(task.step)
        if record is None or spec is None or task.action is Action.DENIED:
            return task
        tried = task.step in self.installed.trial
        return replace(
            task,
            version=spec.version if tried else record.version,
            params=full_params(spec, record.params) if tried else record.params,
            action=Action.RUN,
            reason="replay",
            key=None,
        )


def _records(chains: Mapping[str, Chain]) -> dict[str, tuple[StepRecord, ...]]:
    return {asset: tuple(one.record for one in made) for asset, (made, _) in chains.items()}
