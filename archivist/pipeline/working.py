"""Hand the frozen plan to the workers, and write what they say into the catalog."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from archivist.api.extensions import StepEvent
from archivist.catalog import queries
from archivist.catalog.found import files_of_run
from archivist.catalog.session import Catalog
from archivist.model import (
    Asset,
    Estimate,
    FileWork,
    Recipe,
    Status,
    UnitOutcome,
    Workshop,
    WorkUnit,
)
from archivist.pipeline.certified import certified_for
from archivist.pipeline.job import Desk
from archivist.pipeline.planning import supplied_for
from archivist.pipeline.promises import Promises
from archivist.pipeline.rights import RightsWatch
from archivist.plan import Summary
from archivist.plugins import Plugins, weights_folders
from archivist.schedule.devices import available_memory_mib
from archivist.schedule.runner import Recycle, Requirement, Runner, Shared, make_runner
from archivist.step.work import run_units
from archivist.store.naming import NameTable
from archivist.store.pins import pins_folder

MEANT = "meant"
"""Folder below ``.archivist`` of what workers are about to publish, until that is recorded."""
FLUSH_ASSETS = 200
FLUSH_SECONDS = 1.0
"""Outcomes are written together: 200 assets or a second, whichever comes first. A kill loses at
most that much of the record; the work is found again in the store and done again."""


def workshop_for(desk: Desk, names: NameTable) -> Workshop:
    """Return where the workers of a run find and leave things."""
    job = desk.job
    return Workshop(
        scans=str(job.scans),
        out=str(job.out),
        store=str(job.home / "store"),
        weights=tuple(map(str, weights_folders(job.settings.weights.folder))),
        scratch=str(job.home / "scratch" / desk.run),
        profiles=job.settings.output.profiles,
        keep=job.settings.store.keep,
        run=desk.run,
        operator=job.who,
        max_pixels=int(job.settings.scan.max_megapixels * 1e6),
        stream_above_mp=job.settings.schedule.stream_above_megapixels,
        allow=job.settings.plugins.allow,
        block=job.settings.plugins.block,
        seed=desk.recipe.seed,
        device_family=desk.family,
        exiftool=job.settings.output.exiftool,
        names=dict(names.exceptions),
        certified=certified_for(desk.catalog, desk.plugins),
        denials=str(job.home / "scratch" / desk.run / "denials.json"),
        approved=str(pins_folder(job.home, desk.run)),
        meant=str(job.home / MEANT),
    )


def name_table(desk: Desk) -> NameTable:
    """Return the names of all outputs of a run."""
    read_only = {codec.id for codec in desk.plugins.codecs.values() if codec.write is None}
    converted: list[str] = []

    def paths() -> Iterator[str]:
        for file in files_of_run(desk.catalog, desk.run):
            if file.assets[0].header.format in read_only:
                converted.extend(file.paths)
            yield from file.paths

    return NameTable.build(list(paths()), desk.job.settings.output.profiles, converted)


def work_off(
    desk: Desk, summary: Summary, workshop: Workshop, watch: RightsWatch | None = None
) -> None:
    """Do everything that the plan of a run still asks for; returns early when stopped."""
    cost = summary.estimate
    _warn_of_memory(desk, cost)
    desk.watcher.start(summary.units, summary.busy_assets, cost.seconds)
    waiting: list[UnitOutcome] = []
    names: Names = {}
    since = time.monotonic()
    watch = (watch or RightsWatch(desk)).begin(workshop.denials, desk)
    planned = pending(desk.catalog, desk.run, desk.recipe)
    units = _named(Promises(desk).fill(planned), names, watch)
    try:
        with watch, _runner(desk, cost, units=summary.units) as runner:
            for outcome in runner.run(units, partial(run_units, workshop=workshop), stop=desk.stop):
                waiting.append(outcome)
                if desk.job.fail_fast and any(a.status is Status.FAILED for a in outcome.assets):
                    desk.stop.drain()
                if (
                    sum(len(one.assets) for one in waiting) >= FLUSH_ASSETS
                    or time.monotonic() - since > FLUSH_SECONDS
                ):
                    _flush(waiting, names, desk)
                    watch.record()
                    since = time.monotonic()
        _flush(waiting, names, desk)
        watch.record()
    finally:
        shutil.rmtree(workshop.scratch, ignore_errors=True)


def _warn_of_memory(desk: Desk, cost: Estimate) -> None:
    """Note, before the first photograph, that one of them may need more memory than there is.

    It is worked on all the same, alone: estimates are cautious. Workers elsewhere are not asked.
    """
    if desk.job.scheduler not in ("auto", "serial"):
        return
    free, allowed = available_memory_mib(), desk.job.settings.schedule.memory_mib
    if cost.ram_mib <= min(free, allowed or free):
        return
    limit = f"schedule.memory_mib allows {allowed:,.0f}, and " if allowed else ""
    desk.watcher.note(
        f"a photograph may need {cost.ram_mib:,.0f} MiB of memory in one worker; "
        f"{limit}{free:,.0f} MiB are free. It is worked on alone, and what does not fit is listed "
        "as failed. Cure: free memory, or a machine with more"
        + ("; or a larger schedule.memory_mib" if allowed else "")
    )


def _runner(desk: Desk, cost: Estimate, *, units: int) -> Runner:
    """Return the runner that the job asks for, told what the plan needs."""
    job, plugins = desk.job, desk.plugins
    specs = [plugins.steps[step.step] for step in desk.recipe.steps]
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
        memory_mib=job.settings.schedule.memory_mib,
    )


Names = dict[str, dict[str, str]]
"""Unit -> what people call its assets, as long as it is under way."""


def _named(units: Iterator[WorkUnit], names: Names, watch: RightsWatch) -> Iterator[WorkUnit]:
    """Note what people call the assets of a unit: the path, and the page where there are more."""
    for unit in units:
        watch.look()
        names[unit.uid] = {
            page.asset.uid: _name(file.paths[0], page.asset)
            for file in unit.files
            for page in file.pages
        }
        yield unit


def _name(path: str, asset: Asset) -> str:
    return path if asset.pages == 1 else f"{path}, page {asset.page + 1}"


def _flush(waiting: list[UnitOutcome], names: Names, desk: Desk) -> None:
    if waiting:
        desk.writer.record(desk.run, waiting)
    for outcome in waiting:
        for one in outcome.set_aside:
            desk.watcher.note(
                f"{one.path} had been changed by something other than archivist; what lay there is "
                f"kept as {one.beside}"
            )
        own = names.pop(outcome.unit, {})
        desk.watcher.outcome(outcome, own)
        _tell(desk.plugins, desk.run, outcome, own)
    waiting.clear()


def _tell(plugins: Plugins, run: str, outcome: UnitOutcome, names: Mapping[str, str]) -> None:
    for asset in outcome.assets:
        for record in asset.records:
            plugins.step_finished(
                StepEvent(
                    run=run,
                    asset=asset.asset,
                    path=names.get(asset.asset, ""),
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
