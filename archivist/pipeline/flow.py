"""The flow of a run, from a folder of scans to restored copies and their record.

    scan -> plan -> schedule -> step -> store -> catalog -> report

Each stage is a folder of its own and knows no other; here they meet.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field

from archivist.api.errors import UsageError
from archivist.api.extensions import RunInfo
from archivist.catalog import queries
from archivist.catalog.rows import Failure, RunState
from archivist.catalog.session import Catalog, open_catalog
from archivist.catalog.writer import Writer
from archivist.model import Recipe, Status, now
from archivist.pipeline.job import Job, Silent, Watcher
from archivist.pipeline.planning import check_request, device_family, planned_files, planner_for
from archivist.pipeline.scanning import Found, check_same_archive, scan_into
from archivist.pipeline.working import name_table, runner_for, work_off, workshop_for
from archivist.plan import Line, Summary, choose_recipe
from archivist.plugins import Plugins, load_plugins
from archivist.report.words import file_size
from archivist.scan import check_folders
from archivist.schedule.devices import find_gpus
from archivist.schedule.runner import StopSignal
from archivist.store.atomic import remove_leftovers

SHOWN_FAILURES = 1000
RUNS_BACK = 100
"""So far back the newest run is looked for among scans and plans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan as numbers."""

    run: str
    recipe: str
    found: Found
    summary: Summary

    @property
    def lines(self) -> list[Line]:
        """What happens to each step, why, and how often."""
        return self.summary.lines()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended. ``counts`` maps an asset's status to how many; ``pending`` were not done."""

    run: str
    state: RunState
    found: Found
    planned: Planned
    counts: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    refused: tuple[tuple[str, str, str], ...] = ()
    """(path, code, reason) of files that claim to be pictures and cannot be treated."""
    pending: int = 0

    @property
    def failed(self) -> int:
        """Assets and files that ended as failed."""
        return self.counts.get("failed", 0) + self.found.refused


def scan(job: Job, watcher: Watcher | None = None) -> tuple[str, Found]:
    """Scan only; return the run and the counts."""
    plugins = _plugins(job)
    with _open(job) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(command="scan", operator=job.who, settings=job.facts())
        found = scan_into(job, plugins, catalog, writer, run, watcher or Silent())
        writer.finish_run(run)
    return run, found


def plan(job: Job, watcher: Watcher | None = None) -> Planned:
    """Scan and plan, do nothing else; return what a run would do and why."""
    plugins = _plugins(job)
    recipe = choose_recipe(job.settings, job.recipe, plugins, where=job.where_from)
    check_request(job, recipe)
    with _open(job) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(
            command="plan", operator=job.who, settings=job.facts(), recipe=recipe
        )
        found = scan_into(job, plugins, catalog, writer, run, watcher or Silent())
        summary = Summary(profiles=job.settings.output.profiles)
        family = device_family(recipe, plugins, len(find_gpus()))
        planner = planner_for(job, recipe, plugins, catalog, device_family=family)
        for _ in summary.watch(planner.units(planned_files(job, recipe, catalog, run))):
            pass
        writer.finish_run(run)
    return Planned(run=run, recipe=recipe.name, found=found, summary=summary)


def run(job: Job, watcher: Watcher | None = None, stop: StopSignal | None = None) -> RunResult:
    """Scan, plan and do the work; the same job again goes on, or finds nothing to do.

    Raises UsageError and its kin before anything was done; a stopped run returns as interrupted.
    """
    watcher, stop = watcher or Silent(), stop or StopSignal()
    plugins = _plugins(job)
    recipe = choose_recipe(job.settings, job.recipe, plugins, where=job.where_from)
    check_request(job, recipe)
    started = now()
    with _open(job) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(
            command="run", operator=job.who, settings=job.facts(), recipe=recipe, started=started
        )
        _tidy(job, catalog)
        try:
            found = scan_into(job, plugins, catalog, writer, run, watcher)
            planned = _freeze(job, recipe, plugins, catalog, writer, run, found)
            if planned.summary.units and not stop.draining:
                _work(job, recipe, plugins, catalog, writer, planned, watcher, stop)
        except BaseException as error:
            usage = isinstance(error, UsageError | KeyboardInterrupt)
            writer.finish_run(run, RunState.INTERRUPTED if usage else RunState.FAILED)
            raise
        pending = queries.count_pending(catalog, run)
        state = RunState.INTERRUPTED if pending else RunState.DONE
        writer.finish_run(run, state)
        result = _result(catalog, planned, state, pending)
    plugins.run_finished(
        RunInfo(
            run=run,
            started=started,
            finished=now(),
            done=result.counts.get("done", 0),
            skipped=result.counts.get("skipped", 0),
            failed=result.failed,
        )
    )
    return result


def _plugins(job: Job) -> Plugins:
    chosen = job.settings.plugins
    return load_plugins(chosen.allow or None, chosen.block)


def _open(job: Job) -> Catalog:
    """Open the catalog for writing; the folders must not contain each other."""
    check_folders(job.scans, job.out)
    try:
        job.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{job.out} cannot be written to: {error.strerror or error}"
        raise UsageError(f"{message}. Cure: another folder with --out") from error
    catalog = open_catalog(job.url, write=True)
    try:
        check_same_archive(job, catalog)
    except UsageError:
        catalog.close()
        raise
    return catalog


def _tidy(job: Job, catalog: Catalog) -> None:
    """Remove what an earlier run left half done when it was killed; we are the only writer."""
    ended = (RunState.DONE, RunState.RUNNING, RunState.PLANNING)
    # A scan or a plan may have come between, and leaves nothing behind.
    earlier = [row for row in queries.runs(catalog, limit=RUNS_BACK)[1:] if row.command == "run"]
    if earlier and earlier[0].state not in ended:
        remove_leftovers(job.out, older_than=0)
    shutil.rmtree(job.home / "scratch", ignore_errors=True)


def _freeze(
    job: Job,
    recipe: Recipe,
    plugins: Plugins,
    catalog: Catalog,
    writer: Writer,
    run: str,
    found: Found,
) -> Planned:
    """Decide and store what will be done, before anything is."""
    summary = Summary(profiles=job.settings.output.profiles)
    family = device_family(recipe, plugins, len(find_gpus()))
    planner = planner_for(job, recipe, plugins, catalog, device_family=family)
    files = planned_files(job, recipe, catalog, run)
    writer.store_plan(run, recipe, summary.watch(planner.units(files)))
    return Planned(run=run, recipe=recipe.name, found=found, summary=summary)


def _work(
    job: Job,
    recipe: Recipe,
    plugins: Plugins,
    catalog: Catalog,
    writer: Writer,
    planned: Planned,
    watcher: Watcher,
    stop: StopSignal,
) -> None:
    cost = planned.summary.estimate
    free = shutil.disk_usage(job.out).free
    if cost.output_bytes > free:
        watcher.note(
            f"the outputs may take {file_size(cost.output_bytes)}, {file_size(free)} are free on "
            "the disk of the output folder; what does not fit will be listed as failed"
        )
    family = device_family(recipe, plugins, len(find_gpus()))
    names = name_table(catalog, planned.run, job.settings.output.profiles, plugins)
    workshop = workshop_for(job, recipe, planned.run, names, family)
    runner = runner_for(job, recipe, plugins, cost, units=planned.summary.units)
    busy = planned.summary.assets - planned.summary.idle_assets
    watcher.start(planned.summary.units, busy, cost.seconds)
    try:
        work_off(
            job,
            recipe,
            plugins,
            catalog,
            writer,
            planned.run,
            runner=runner,
            workshop=workshop,
            watcher=watcher,
            stop=stop,
        )
    finally:
        shutil.rmtree(workshop.scratch, ignore_errors=True)


def _result(catalog: Catalog, planned: Planned, state: RunState, pending: int) -> RunResult:
    counts: dict[str, int] = {}
    for row in queries.run_counts(catalog, planned.run):
        if not row.step:
            counts[row.status] = counts.get(row.status, 0) + row.count
    refused = tuple(
        (row.path, row.code, row.reason)
        for row in queries.refusals(catalog, limit=SHOWN_FAILURES, status=Status.FAILED)
    )
    return RunResult(
        run=planned.run,
        state=state,
        found=planned.found,
        planned=planned,
        counts=counts,
        failures=tuple(queries.failures(catalog, planned.run, limit=SHOWN_FAILURES)),
        refused=refused,
        pending=pending,
    )
