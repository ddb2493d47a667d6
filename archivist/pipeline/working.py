"""Hand the frozen plan to the workers, and write what they say into the catalog."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from archivist.api.extensions import StepEvent
from archivist.catalog import queries
from archivist.catalog.found import files_of_run
from archivist.catalog.session import Catalog
from archivist.catalog.writer import Writer
from archivist.model import (
    Estimate,
    FileWork,
    OutputProfile,
    Recipe,
    Status,
    UnitOutcome,
    Workshop,
    WorkUnit,
)
from archivist.pipeline.job import Job, Watcher
from archivist.pipeline.planning import supplied_for, weight_folders
from archivist.plugins import Plugins
from archivist.schedule.runner import Recycle, Requirement, Runner, Shared, StopSignal, make_runner
from archivist.step.work import run_units
from archivist.store.naming import NameTable

FLUSH_UNITS = 200
FLUSH_SECONDS = 1.0
"""Outcomes are written together: 200 units or a second, whichever comes first. A kill loses at most
that much of the record; the work is found again in the store and done again."""


def workshop_for(job: Job, recipe: Recipe, run: str, names: NameTable, family: str) -> Workshop:
    """Return where the workers of a run find and leave things."""
    return Workshop(
        scans=str(job.scans),
        out=str(job.out),
        store=str(job.home / "store"),
        weights=tuple(str(folder) for folder in weight_folders(job)),
        scratch=str(job.home / "scratch" / run),
        profiles=job.settings.output.profiles,
        keep=job.settings.store.keep,
        run=run,
        operator=job.who,
        max_pixels=int(job.settings.scan.max_megapixels * 1e6),
        stream_above_mp=job.settings.schedule.stream_above_megapixels,
        allow=job.settings.plugins.allow,
        block=job.settings.plugins.block,
        seed=recipe.seed,
        device_family=family,
        exiftool=job.settings.output.exiftool,
        names=dict(names.exceptions),
    )


def name_table(
    catalog: Catalog, run: str, profiles: Sequence[OutputProfile], plugins: Plugins
) -> NameTable:
    """Return the names of all outputs of a run."""
    read_only = {codec.id for codec in plugins.codecs.values() if codec.write is None}
    converted: list[str] = []

    def paths() -> Iterator[str]:
        for file in files_of_run(catalog, run):
            if file.assets[0].header.format in read_only:
                converted.extend(file.paths)
            yield from file.paths

    return NameTable.build(list(paths()), profiles, converted)


def runner_for(job: Job, recipe: Recipe, plugins: Plugins, cost: Estimate, *, units: int) -> Runner:
    """Return the runner that the job asks for, told what the plan needs."""
    specs = [plugins.steps[step.step] for step in recipe.steps]
    return make_runner(
        job.scheduler,
        workers=job.workers,
        requirement=Requirement(
            ram_mib=cost.ram_mib,
            vram_mib=cost.vram_mib,
            needs_gpu=any(spec.cost.device == "gpu" for spec in specs),
        ),
        recycle=Recycle(units=job.settings.schedule.recycle_after),
        shared=Shared(
            distributions={i.distribution: i.version for i in plugins.infos if not i.error},
            read=(job.scans,),
            write=(job.out,),
        ),
        most_units=units,
    )


def work_off(
    job: Job,
    recipe: Recipe,
    plugins: Plugins,
    catalog: Catalog,
    writer: Writer,
    run: str,
    *,
    runner: Runner,
    workshop: Workshop,
    watcher: Watcher,
    stop: StopSignal,
) -> None:
    """Do everything that the plan of a run still asks for; returns early when stopped."""
    waiting: list[UnitOutcome] = []
    names: dict[str, str] = {}
    since = time.monotonic()
    units = _named(pending(catalog, run, recipe), names)
    work = partial(run_units, workshop=workshop)
    with runner:
        results = runner.run(units, work, stop=stop)
        for outcome in results:
            waiting.append(outcome)
            if job.fail_fast and any(a.status is Status.FAILED for a in outcome.assets):
                stop.drain()
            if len(waiting) >= FLUSH_UNITS or time.monotonic() - since > FLUSH_SECONDS:
                _flush(waiting, names, plugins, writer, run, watcher)
                since = time.monotonic()
    _flush(waiting, names, plugins, writer, run, watcher)


def _named(units: Iterator[WorkUnit], names: dict[str, str]) -> Iterator[WorkUnit]:
    """Note what people call a unit while it is under way: its sequence, or its first path."""
    for unit in units:
        names[unit.uid] = unit.sequence or unit.files[0].paths[0]
        yield unit


def _flush(
    waiting: list[UnitOutcome],
    names: dict[str, str],
    plugins: Plugins,
    writer: Writer,
    run: str,
    watcher: Watcher,
) -> None:
    if waiting:
        writer.record(run, waiting)
    for outcome in waiting:
        name = names.pop(outcome.unit, "")
        watcher.outcome(outcome, name)
        _tell(plugins, run, outcome, name)
    waiting.clear()


def _tell(plugins: Plugins, run: str, outcome: UnitOutcome, path: str) -> None:
    for asset in outcome.assets:
        for record in asset.records:
            plugins.step_finished(
                StepEvent(
                    run=run,
                    asset=asset.asset,
                    path=path,
                    step=record.step,
                    status=str(record.status),
                    reason=record.reason,
                    seconds=record.seconds,
                )
            )


def pending(catalog: Catalog, run: str, recipe: Recipe) -> Iterator[WorkUnit]:
    """Yield the units of a run that are not done, in the order of the plan, a page at a time."""
    after = -1
    while page := queries.work_units(catalog, run, after=after):
        for ordinal, unit in page:
            after = ordinal
            yield _with_supplied(unit, recipe)


def _with_supplied(unit: WorkUnit, recipe: Recipe) -> WorkUnit:
    if not recipe.inputs:
        return unit
    return replace(unit, files=tuple(_file_with_supplied(file, recipe) for file in unit.files))


def _file_with_supplied(file: FileWork, recipe: Recipe) -> FileWork:
    supplied = supplied_for(recipe, file.paths)
    return replace(file, pages=tuple(replace(page, supplied=supplied) for page in file.pages))
