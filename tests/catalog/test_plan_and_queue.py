"""The frozen plan: stored, digested, read back as work."""

from __future__ import annotations

import pytest

from archivist.api.errors import CatalogError
from archivist.catalog import queries
from archivist.catalog.rows import RunState
from archivist.model import Action


def test_the_plan_is_read_back_as_it_was_stored(catalog, planned, make):
    files = [make.file("a"), make.file("two pages", pages=2)]
    run = planned(*files)

    units = [unit for _, unit in queries.work_units(catalog, run)]

    assert units == [make.unit(file) for file in files]


def test_a_sequence_of_files_is_one_unit_in_its_order(catalog, planned, make):
    files = [make.file(name) for name in ("frame 2", "frame 1", "frame 3")]
    works = tuple(make.unit(file).files[0] for file in files)
    unit = make.unit(files[0], uid="film", files=works, sequence="film")
    run = planned(*files, units=[unit])

    [(_, found)] = queries.work_units(catalog, run)

    assert found == unit
    assert [task.asset for task in queries.tasks_of(catalog, run, ["film"])["film"]] == [
        file.digest for file in files for _ in make.steps
    ]


def test_pending_units_come_in_pages(catalog, planned, make):
    files = [make.file(str(n)) for n in range(5)]
    run = planned(*files)

    first = queries.pending_units(catalog, run, limit=3)
    rest = queries.pending_units(catalog, run, limit=3, after=first[-1].ordinal)

    assert [unit.unit for unit in first + rest] == [file.digest for file in files]


def test_a_recorded_unit_is_no_longer_pending(catalog, writer, planned, make):
    files = [make.file("a"), make.file("b")]
    run = planned(*files)

    writer.record(run, [make.outcome(files[0])])

    assert [unit.unit for unit in queries.pending_units(catalog, run)] == [files[1].digest]
    assert queries.count_pending(catalog, run) == 1


def test_a_unit_with_nothing_to_do_is_counted_and_not_stored(catalog, planned, make):
    file = make.file("a")
    asset = file.assets[0]
    tasks = tuple(make.task(asset, n, action=Action.REUSE, reason="up to date") for n in (0, 1))
    unit = make.unit(file)
    page = type(unit.files[0].pages[0])(asset=asset, tasks=tasks)
    work = type(unit.files[0])(digest=file.digest, paths=(file.path,), pages=(page,))

    run = planned(file, units=[make.unit(file, files=(work,))])

    found = queries.run(catalog, run)
    assert (found.units, found.working_units, found.seconds) == (1, 0, 0.0)
    assert [(one.step, one.action, one.reason, one.count) for one in found.tasks] == [
        ("scratch.detect", "reuse", "up to date", 1),
        ("scratch.repair", "reuse", "up to date", 1),
    ]
    assert queries.pending_units(catalog, run) == ()


def test_storing_the_plan_starts_the_run(catalog, planned, make):
    run = planned(make.file("a"))

    found = queries.run(catalog, run)

    assert found.state is RunState.RUNNING
    assert (found.recipe, found.seconds, found.assets) == ("scratch", 1.5, 1)


def test_equal_plans_have_equal_digests(catalog, planned, make):
    plans = [planned(make.file("a")), planned(make.file("a")), planned(make.file("b"))]

    digests = [queries.run(catalog, run).plan_digest for run in plans]

    assert digests[0] == digests[1] != digests[2]


def test_work_carries_the_results_it_may_reuse(catalog, writer, planned, make):
    file = make.file("a")
    before = planned(file)
    outcome = make.outcome(file)
    writer.record(before, [outcome])

    [(_, unit)] = queries.work_units(catalog, planned(file))

    keys = {result.key for result in unit.files[0].pages[0].known}
    assert keys == {record.key for record in outcome.assets[0].records}


def test_a_plan_for_an_unknown_asset_is_refused(writer, make):
    run = writer.start_run(command="run")

    with pytest.raises(CatalogError, match="archivist scan"):
        writer.store_plan(run, make.recipe, [make.unit(make.file("never scanned"))])


def test_an_outcome_outside_the_plan_is_refused(writer, planned, make):
    run = planned(make.file("a"))

    with pytest.raises(CatalogError, match="not in the frozen plan"):
        writer.record(run, [make.outcome(make.file("b"))])


def test_a_run_left_open_is_interrupted_by_the_next(catalog, writer, planned, make):
    left = planned(make.file("a"))

    writer.start_run(command="run")

    assert queries.run(catalog, left).state is RunState.INTERRUPTED
    assert [event.run for event in queries.events(catalog, type="run.interrupted")] == [left]


def test_an_unknown_run_is_named(catalog):
    with pytest.raises(CatalogError, match="archivist status"):
        queries.run(catalog, "nobody")
