"""The flow of a run, from a folder of scans to restored copies and their record.

    scan -> plan -> schedule -> step -> store -> catalog -> report

Each stage is a folder of its own and knows no other; here they meet.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from archivist.api.errors import UsageError
from archivist.api.extensions import RunInfo
from archivist.catalog import queries
from archivist.catalog.alike import count_alike
from archivist.catalog.moved import left_over
from archivist.catalog.rows import Failure, RunState
from archivist.catalog.session import Catalog, open_catalog
from archivist.catalog.writer import Writer
from archivist.ledger.keys import find_signing_key
from archivist.model import APPROVED, DENIED, Recipe, Status, WorkUnit, now
from archivist.pipeline.embedding import FirstPass, embed_archive, plan_first, takes_references
from archivist.pipeline.exports_asked import check_exports, exports_of
from archivist.pipeline.job import Desk, Job, Silent, Watcher
from archivist.pipeline.planning import (
    check_request,
    device_family,
    planner_for,
    sizes_for,
    units_of,
)
from archivist.pipeline.referencing import ArchiveSearch, NothingToFind, excluded, search_in
from archivist.pipeline.rights import RightsWatch, check_rules_kept, note_rights
from archivist.pipeline.scanning import (
    READERS,
    Found,
    check_same_archive,
    readers_of,
    scan_into,
)
from archivist.pipeline.working import MEANT, name_table, work_off, workshop_for
from archivist.plan import Line, Summary, choose_recipe
from archivist.plugins import Plugins, load_plugins, unknown_plugins
from archivist.report.words import file_size
from archivist.scan import check_folders
from archivist.schedule.devices import find_gpus
from archivist.schedule.runner import StopSignal
from archivist.store.atomic import remove_leftovers

SHOWN_FAILURES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan as numbers."""

    run: str
    recipe: str
    found: Found
    summary: Summary
    first: Summary | None = None
    """The first pass of a recipe with references: what was not embedded before."""

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
    denied: int = 0
    """Of those that were skipped, how many because their rights forbid it."""
    not_described: int = 0
    """Scans that the first pass had still to describe when the run was stopped in it."""
    left_over: int = 0
    """Outputs in place whose scans are gone, replaced or renamed."""
    held: int = 0
    """Of those that were skipped, how many because an approved result lies in their place."""

    @property
    def failed(self) -> int:
        """Assets and files that ended as failed."""
        return self.counts.get("failed", 0) + self.found.refused


def scan(job: Job, watcher: Watcher | None = None) -> tuple[str, Found]:
    """Scan only; return the run and the counts."""
    plugins = _plugins(job)
    with _open(job) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(command="scan", operator=job.who, settings=_facts(job, plugins))
        found = scan_into(job, plugins, catalog, writer, run, watcher or Silent())
        found.similar = count_alike(catalog)
        writer.finish_run(run)
    return run, found


def plan(job: Job, watcher: Watcher | None = None) -> Planned:
    """Scan and plan, do nothing else; return what a run would do and why."""
    plugins = _plugins(job)
    recipe = choose_recipe(job.settings, job.recipe, plugins, where=job.where_from)
    check_request(job, recipe)
    exports_of(job.settings, plugins, job.home, job.config_file)
    with _open(job) as catalog:
        desk = _desk("plan", job, recipe, plugins, catalog, watcher or Silent(), StopSignal())
        found, desk = _scan(desk)
        first = plan_first(desk) if takes_references(recipe, plugins) else None
        search = None
        if first is not None and not first.summary.units:
            search = search_in(first.index.index, desk)
        summary = Summary(sizes=sizes_for(desk))
        for _ in summary.watch(_units(desk, search)):
            pass
        desk.writer.finish_run(desk.run)
    return Planned(
        run=desk.run,
        recipe=recipe.name,
        found=found,
        summary=summary,
        first=first.summary if first else None,
    )


def run(job: Job, watcher: Watcher | None = None, stop: StopSignal | None = None) -> RunResult:
    """Scan, plan and do the work; the same job again goes on, or finds nothing to do.

    Raises UsageError and its kin before anything was done; a stopped run returns as interrupted.
    """
    plugins = _plugins(job)
    recipe = choose_recipe(job.settings, job.recipe, plugins, where=job.where_from)
    check_request(job, recipe)
    exports = exports_of(job.settings, plugins, job.home, job.config_file)
    check_exports(exports, scans=job.scans, home=job.home, where=job.where_from)
    started = now()
    with _open(job) as catalog:
        desk = _desk(
            "run", job, recipe, plugins, catalog, watcher or Silent(), stop or StopSignal()
        )
        _tidy(job, catalog)
        watch = RightsWatch(desk)
        try:
            found, desk = _scan(desk)
            first = embed_archive(desk) if takes_references(recipe, plugins) else None
            desk = first.desk if first else desk
            planned = _freeze(desk, found, first)
            if planned.summary.units and not desk.stop.draining:
                _work(desk, planned, watch)
        except BaseException as error:
            usage = isinstance(error, UsageError | KeyboardInterrupt)
            desk.writer.finish_run(desk.run, RunState.INTERRUPTED if usage else RunState.FAILED)
            raise
        pending = queries.count_pending(catalog, desk.run)
        if not pending:
            shutil.rmtree(job.home / MEANT, ignore_errors=True)
        state = RunState.INTERRUPTED if pending else RunState.DONE
        desk.writer.finish_run(desk.run, state)
        stopped = first.pending if first else 0
        result = _result(catalog, planned, state, pending, stopped=stopped)
    plugins.run_finished(
        RunInfo(
            run=desk.run,
            started=started,
            finished=now(),
            done=result.counts.get("done", 0),
            skipped=result.counts.get("skipped", 0),
            failed=result.failed,
        )
    )
    return result


def _desk(
    command: str,
    job: Job,
    recipe: Recipe,
    plugins: Plugins,
    catalog: Catalog,
    watcher: Watcher,
    stop: StopSignal,
) -> Desk:
    """Begin a run, and put together what its parts need; a key that cannot sign is told first."""
    key = find_signing_key(job.settings.ledger.signing_key, os.environ)
    chosen = job.settings.plugins
    for text in unknown_plugins(plugins, chosen.allow, chosen.block):
        watcher.note(text)
    writer = Writer(catalog, sign=key.sign if key else None)
    facts = _facts(job, plugins)
    run = writer.start_run(command=command, operator=job.who, settings=facts, recipe=recipe)
    return Desk(
        job=job,
        recipe=recipe,
        plugins=plugins,
        catalog=catalog,
        writer=writer,
        run=run,
        family=device_family(recipe, plugins, len(find_gpus())),
        watcher=watcher,
        stop=stop,
    )


def _facts(job: Job, plugins: Plugins) -> Mapping[str, object]:
    """Return what is recorded of the request, with who reads the scans."""
    return {**job.facts(), READERS: readers_of(plugins)}


def _scan(desk: Desk) -> tuple[Found, Desk]:
    """Scan; the whole archive where any picture may be a reference, or be one of those asked for.

    ``--where`` asks for facts that only a scan finds, so a sample is taken of what it finds. Names
    of excluded references are looked up as soon as it can be told what they mean, before any work.
    """
    borrows = takes_references(desk.recipe, desk.plugins)
    whole = borrows or desk.job.where is not None
    found = scan_into(
        desk.job, desk.plugins, desk.catalog, desk.writer, desk.run, desk.watcher, whole=whole
    )
    return found, replace(desk, excluded=excluded(desk)) if borrows else desk


def _units(desk: Desk, search: ArchiveSearch | NothingToFind | None) -> Iterator[WorkUnit]:
    """Yield the plan of a run."""
    planner = planner_for(
        desk,
        profiles=desk.job.settings.output.profiles,
        override=desk.job.override,
        search=search,
        barred=search.barred if search else {},
    )
    return units_of(desk, planner)


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
    catalog = open_catalog(job.url, write=True, home=job.home)
    try:
        check_same_archive(job, catalog)
        check_rules_kept(job, catalog)
    except UsageError:
        catalog.close()
        raise
    return catalog


def _tidy(job: Job, catalog: Catalog) -> None:
    """Remove what an earlier run left half done when it was killed; we are the only writer."""
    ended = (RunState.DONE, RunState.RUNNING, RunState.PLANNING)
    # Other commands may have come between, and leave nothing behind.
    earlier = queries.runs(catalog, limit=2, command="run")[1:]
    if earlier and earlier[0].state not in ended:
        remove_leftovers(job.out, older_than=0)
    shutil.rmtree(job.home / "scratch", ignore_errors=True)


def _freeze(desk: Desk, found: Found, first: FirstPass | None) -> Planned:
    """Decide and store what will be done, before anything is."""
    summary = Summary(sizes=sizes_for(desk))
    if first is None or not first.pending:
        search = search_in(first.index.index, desk) if first else None
        note_rights(desk)
        desk.writer.store_plan(desk.run, desk.recipe, summary.watch(_units(desk, search)))
    return Planned(
        run=desk.run,
        recipe=desk.recipe.name,
        found=found,
        summary=summary,
        first=first.summary if first else None,
    )


def _work(desk: Desk, planned: Planned, watch: RightsWatch) -> None:
    cost = planned.summary.estimate
    free = shutil.disk_usage(desk.job.out).free
    if cost.output_bytes + cost.store_bytes > free:
        desk.watcher.note(
            f"the outputs may take {file_size(cost.output_bytes)} and the store "
            f"{file_size(cost.store_bytes)}, {file_size(free)} are free on the disk of the output "
            "folder; what does not fit will be listed as failed"
        )
    work_off(desk, planned.summary, workshop_for(desk, name_table(desk)), watch)


def _result(
    catalog: Catalog, planned: Planned, state: RunState, pending: int, *, stopped: int
) -> RunResult:
    """Return how a run ended; ``stopped`` scans were left when it was stopped in the first pass."""
    treated = not stopped
    counts: dict[str, int] = {}
    for row in queries.run_counts(catalog, planned.run):
        if not row.step and treated:
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
        denied=queries.count_ended(catalog, planned.run, DENIED) if treated else 0,
        not_described=stopped,
        left_over=sum(1 for _ in left_over(catalog)),
        held=queries.count_ended(catalog, planned.run, APPROVED) if treated else 0,
    )
