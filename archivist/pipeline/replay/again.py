"""Hand prepared results to workers, in a scratch folder, and have what comes back judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from archivist.catalog import queries
from archivist.catalog.certifications import Change
from archivist.catalog.replays import Replayed
from archivist.catalog.session import Catalog
from archivist.config import Settings
from archivist.model import UnitOutcome, Workshop, WorkUnit
from archivist.pipeline.replay.judge import Judge, impossible
from archivist.pipeline.replay.missing import Installed
from archivist.pipeline.replay.prepare import Prepared, Preparer
from archivist.pipeline.replay.recorded import RecordedRun
from archivist.pipeline.replay.targets import Target
from archivist.plugins import Plugins, weights_folders
from archivist.schedule.devices import find_gpus
from archivist.schedule.runner import Requirement, Runner, StopSignal, make_runner
from archivist.step.environment import device
from archivist.step.work import run_units
from archivist.store.blobs import BlobStore

_AT_ONCE = 4
"""So few scans are done in this process: starting workers takes longer."""
Told = tuple[list[Replayed], Mapping[str, object]]
"""Verdicts on the outputs of one scan, and the environment in which they were made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where things are now; None for where they were. Paths are absolute.

    ``trial`` names the steps of which the installed version and weights are used instead of the
    recorded ones, and then only results that these would change take part; ``tolerance`` takes the
    place of what they declare. ``pictures`` is a folder for pictures of differences.
    """

    settings: Settings
    scans: Path | None = None
    out: Path | None = None
    scheduler: str = "auto"
    workers: int | None = None
    pictures: Path | None = None
    trial: frozenset[str] = frozenset()
    tolerance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What is needed for the outputs of one recorded run."""

    run: RecordedRun
    scans: Path
    preparer: Preparer
    judge: Judge


class Replayer:
    """Makes outputs again. It writes to ``scratch`` only; close it, or use it in a block."""

    def __init__(
        self, catalog: Catalog, plugins: Plugins, where: Where, scratch: Path, stop: StopSignal
    ) -> None:
        self._catalog, self._plugins, self._where = catalog, plugins, where
        self._scratch, self._stop = scratch, stop
        self._stack = ExitStack()
        self._runners: dict[bool, Runner] = {}
        self._benches: dict[int, _Bench] = {}
        self._gpus = find_gpus()
        self._store = BlobStore(scratch / "store")
        self._lent: Counter[str] = Counter()
        self.drawn: list[Path] = []
        self.changes: set[Change] = set()
        """Of a trial: what was recorded, and what is installed."""

    def __enter__(self) -> Replayer:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def replay(self, pages: Iterable[Sequence[Target]]) -> Iterator[Told]:
        """Yield the verdicts on targets, which come by page."""
        for page in pages:
            ordered = sorted(page, key=lambda one: one.run)
            for number, group in groupby(ordered, key=lambda one: one.run):
                yield from self._of_run(number, list(group))
            if self._stop.draining:
                return

    def _of_run(self, number: int, targets: Sequence[Target]) -> Iterator[Told]:
        bench = self._bench(number, targets[0].uid)
        groups: dict[tuple[str, bool, int], list[Prepared]] = {}
        for one in bench.preparer.prepare(targets):
            if self._where.trial and not one.changes:
                continue
            self.changes.update(one.changes)
            if one.missing:
                yield impossible(one, one.missing), {}
            else:
                groups.setdefault((one.family, one.gpu, one.threads), []).append(one)
        for prepared in groups.values():
            yield from self._done_again(bench, prepared)

    def _done_again(self, bench: _Bench, prepared: Sequence[Prepared]) -> Iterator[Told]:
        """Do results again of which family, device and threads are the same."""
        by_unit = {one.target.digest: one for one in prepared}
        units = [one.unit for one in prepared if one.unit is not None]
        workshop = self._workshop(bench, prepared)
        runner = self._runner(units, gpu=prepared[0].gpu and bool(self._gpus))
        work = partial(run_units, workshop=workshop)
        for outcome in runner.run(self._ready(units, bench), work, stop=self._stop):
            one = by_unit[outcome.unit]
            verdicts = bench.judge.judge(one, outcome)
            self._drop(one, outcome)
            yield verdicts, outcome.environment

    def _ready(self, units: Iterable[WorkUnit], bench: _Bench) -> Iterator[WorkUnit]:
        """Yield units, with what is handed to them copied to the scratch store."""
        for unit in units:
            for blob in _blobs(unit):
                if bench.preparer.store is not None:
                    self._store.put_file(bench.preparer.store.path(blob))
                    self._lent[blob] += 1
            yield unit

    def _drop(self, prepared: Prepared, outcome: UnitOutcome) -> None:
        """Remove what was kept for a unit, but for what others still read."""
        for blob in _blobs(prepared.unit):
            self._lent[blob] -= 1
        made = {
            output.blob
            for asset in outcome.assets
            for record in asset.records
            for output in record.outputs
            if output.blob is not None
        }
        for blob in made.union(_blobs(prepared.unit)):
            if self._lent[blob] <= 0:
                self._store.delete(blob)

    def _bench(self, number: int, uid: str) -> _Bench:
        if number not in self._benches:
            run = RecordedRun(self._catalog, queries.run(self._catalog, uid), number)
            recorded = queries.folders(self._catalog)
            out = self._where.out or recorded.get("out")
            scans = self._where.scans or recorded.get("scans", Path())
            store = None if out is None else BlobStore(out / ".archivist" / "store")
            judge = Judge(
                out=out,
                made=self._scratch / "out",
                store=store,
                steps=self._plugins.steps,
                codecs=self._plugins.codecs,
                tolerance=self._where.tolerance,
                pictures=self._where.pictures,
                drawn=self.drawn,
            )
            preparer = Preparer(run, self._installed(scans), store)
            bench = _Bench(run=run, scans=scans, preparer=preparer, judge=judge)
            self._benches[number] = bench
        return self._benches[number]

    def _installed(self, scans: Path) -> Installed:
        return Installed(
            catalog=self._catalog,
            plugins=self._plugins,
            folders=weights_folders(self._where.settings.weights.folder),
            scans=scans,
            gpu=bool(self._gpus),
            trial=self._where.trial,
        )

    def _workshop(self, bench: _Bench, prepared: Sequence[Prepared]) -> Workshop:
        """Return a workshop with the settings of the run: what may change a pixel or a file."""
        run, settings = bench.run, self._where.settings
        names = {one.publication.profile for p in prepared for one in p.target.written}
        seeds = {record.seed for p in prepared for told in p.records.values() for record in told}
        return Workshop(
            scans=str(bench.scans),
            out=str(self._scratch / "out"),
            store=str(self._scratch / "store"),
            weights=tuple(map(str, weights_folders(settings.weights.folder))),
            scratch=str(self._scratch / "work"),
            profiles=tuple(one for name, one in run.profiles.items() if name in names),
            keep=(),
            run=run.row.uid,
            operator=run.row.operator,
            max_pixels=int(
                run.setting("scan", "max_megapixels", settings.scan.max_megapixels) * 1e6
            ),
            stream_above_mp=run.setting(
                "schedule",
                "stream_above_megapixels",
                settings.schedule.stream_above_megapixels,
            ),
            allow=settings.plugins.allow,
            block=settings.plugins.block,
            seed=min(seeds, default=0),
            device_family=prepared[0].family,
            threads=prepared[0].threads,
        )

    def _runner(self, units: Sequence[WorkUnit], *, gpu: bool) -> Runner:
        """Return the runner for work that was done on a GPU, or was not; it is started once."""
        if gpu not in self._runners:
            where = self._where
            here = device() == ("cuda" if gpu else "cpu")
            few = len(units) <= _AT_ONCE and where.scheduler == "auto" and here
            runner = make_runner(
                "serial" if few else where.scheduler,
                workers=where.workers,
                requirement=Requirement(
                    ram_mib=max((unit.ram_mib for unit in units), default=0.0),
                    vram_mib=max((unit.vram_mib for unit in units), default=0.0) if gpu else 0.0,
                    needs_gpu=gpu,
                ),
                gpus=self._gpus if gpu else (),
                most_units=None if few else max(len(units), _AT_ONCE),
            )
            self._runners[gpu] = self._stack.enter_context(runner)
        return self._runners[gpu]


def _blobs(unit: WorkUnit | None) -> list[str]:
    """Return the stored files that a unit reads of the members of its sequence before it."""
    handed = () if unit is None else unit.handed
    return [one.artifact.blob for one in handed if one.artifact.blob is not None]
