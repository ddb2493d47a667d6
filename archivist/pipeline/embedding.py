"""The first pass of a recipe with references: every picture of the archive is embedded and indexed.

It is the first step of the recipe, for all scans whatever the run is to treat, as a run of its own
without outputs. What the index holds already is not looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from archivist.api.steps import Kind
from archivist.catalog import queries
from archivist.catalog.plans import needs_work
from archivist.model import Recipe, Workshop
from archivist.pipeline.archive_index import ArchiveIndex
from archivist.pipeline.job import Desk
from archivist.pipeline.planning import planner_for
from archivist.pipeline.working import work_off, workshop_for
from archivist.plan import PlannedFile, Planner, Summary, takes_lookalikes
from archivist.plugins import Plugins
from archivist.store.naming import NameTable

COMMAND = "embed"
"""What the run of the first pass is called in the catalog."""


def takes_references(recipe: Recipe, plugins: Plugins) -> bool:
    """Tell whether a recipe chooses references, so that the archive must be embedded before."""
    return any(takes_lookalikes(plugins.steps[step.step]) for step in recipe.steps)


def first_pass(recipe: Recipe) -> Recipe:
    """Return the recipe of the first pass: the step of a recipe that embeds the scan."""
    return replace(
        recipe,
        name=f"{recipe.name}: {COMMAND}",
        title="Describe every picture of the archive, to find those that look alike",
        steps=recipe.steps[:1],
        overrides=(),
        inputs={},
    )


def without_outputs(workshop: Workshop) -> Workshop:
    """Return a workshop of the first pass: it publishes nothing and keeps what it makes.

    Rights forbid nothing in it: what may not be restored may still lend.
    """
    return replace(
        workshop, profiles=(), keep=(*workshop.keep, Kind.EMBEDDING), denials="", approved=""
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPass:
    """The first pass as planned or carried out.

    ``desk`` is that of the run that goes on; ``pending`` scans were not embedded, because the run
    was stopped.
    """

    index: ArchiveIndex
    summary: Summary
    desk: Desk
    pending: int = 0


def plan_first(desk: Desk) -> FirstPass:
    """Return what the first pass of a recipe would do; what is embedded already is indexed."""
    index, planner = _prepare(desk)
    summary = Summary()
    for _ in summary.watch(planner.units(_worth_trying(index, desk))):
        pass
    return FirstPass(index=index, summary=summary, desk=desk)


def embed_archive(desk: Desk) -> FirstPass:
    """Carry out the first pass of a recipe, if anything is to be done.

    It is the run that was begun, because what leads to a result is recorded before it; another run
    then goes on with its scan.
    """
    index, planner = _prepare(desk)
    summary, recipe = Summary(), first_pass(desk.recipe)
    units = summary.watch(planner.units(_worth_trying(index, desk)))
    first = next((unit for unit in units if needs_work(unit)), None)
    if first is None:
        return FirstPass(index=index, summary=summary, desk=desk)
    desk.writer.make_first_pass(desk.run, command=COMMAND, recipe=recipe)
    desk.writer.store_plan(desk.run, recipe, chain([first], units))
    desk.watcher.note(f"Pass 1 of 2: {summary.units} scans are described, to find lookalikes")
    if not desk.stop.draining:
        inner = replace(desk, recipe=recipe)
        work_off(inner, summary, without_outputs(workshop_for(inner, NameTable())))
    index.take_in(desk)
    pending = queries.count_pending(desk.catalog, desk.run)
    if pending:
        return FirstPass(index=index, summary=summary, desk=desk, pending=pending)
    desk.writer.finish_run(desk.run)
    desk.watcher.note("Pass 2 of 2: references are chosen, and the recipe is carried out")
    return FirstPass(index=index, summary=summary, desk=_second(desk))


def _worth_trying(index: ArchiveIndex, desk: Desk) -> Iterator[PlannedFile]:
    """Return what the index lacks, without what failed before; say what that is."""
    failed = {} if desk.job.retry else index.failed(desk)
    if failed:
        uid, reason = next(iter(failed.items()))
        digest = uid.partition("#")[0]
        path = queries.paths_of(desk.catalog, [digest]).get(digest, (digest,))[0]
        desk.watcher.note(
            f"{len(failed)} pictures could not be described before (the first: {path}: {reason}). "
            "They lend nothing, and are not tried again until the step, its weights or the file "
            "changes. To try them now: --retry"
        )
    for file in index.lacks(desk):
        if any(asset.uid not in failed for asset in file.assets):
            yield file


def _second(desk: Desk) -> Desk:
    """Begin the run that goes on with the scan of the first pass."""
    run = desk.writer.start_run(
        command="run", operator=desk.job.who, settings=desk.job.facts(), recipe=desk.recipe
    )
    desk.writer.take_over_scan(run, of=desk.run)
    return replace(desk, run=run)


def _prepare(desk: Desk) -> tuple[ArchiveIndex, Planner]:
    """Return the index, with all that is embedded, and the planner of the first pass."""
    recipe = first_pass(desk.recipe)
    spec = desk.plugins.steps[recipe.steps[0].step]
    asked = {port.name for port in spec.outputs if port.kind is Kind.EMBEDDING}
    inner = replace(desk, recipe=recipe)
    # Also what a reviewer approved is looked at: its result stays, but it may lend its texture.
    planner = planner_for(inner, profiles=(), override=True, asked=asked)
    index = ArchiveIndex(
        home=desk.job.home, step=spec.id, version=spec.version, work=planner.work_of(0)
    )
    index.open(desk.watcher)
    index.take_in(desk)
    return index, planner
