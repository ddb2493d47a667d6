"""A person's approval outlives what happens to scans and outputs: no run replaces it unasked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.catalog import queries
from archivist.catalog.session import open_catalog
from archivist.catalog.standing import State
from archivist.cli.main import invoke
from archivist.model import Status
from archivist.pipeline import plan, run
from archivist.pipeline.job import Silent

PLAIN, PHOTO = "plain.png", "photo.jpg"


def say(bench, verb):
    assert invoke(["review", verb, str(bench.out / PLAIN), "--by", "Ada", "--reason", "seen"]) == 0


def rescan(bench):
    """Put another scan in the place of plain.png; return the bytes of the former."""
    before = (bench.scans / PLAIN).read_bytes()
    PillowImage.fromarray(255 - bench.source(PLAIN)).save(bench.scans / PLAIN)
    return before


def actions(bench, **options):
    return {(str(line.action), line.example) for line in plan(bench.job(**options)).lines}


def outcome(bench, name):
    with open_catalog(bench.job().url, write=False) as catalog:
        (asset,) = queries.assets_named(catalog, name)
        return queries.last_outcomes(catalog, [asset.uid])[asset.uid]


@pytest.fixture
def approved(bench):
    """Give a bench whose result of plain.png Ada approved, and the bytes of that."""
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    say(bench, "approve")
    return bench, (bench.out / PLAIN).read_bytes()


def test_the_result_of_a_new_scan_does_not_replace_an_approved_one(approved):
    bench, result = approved
    rescan(bench)

    ended = bench.run()

    assert (bench.out / PLAIN).read_bytes() == result
    assert (ended.held, ended.failed, ended.planned.summary.held_assets) == (1, 0, 1)
    last = outcome(bench, PLAIN)
    assert (last.status, last.code) == (Status.SKIPPED, "approved")
    assert "--override" in last.message
    assert "archivist review reject" in last.message


def test_a_plan_names_the_scan_that_waits_behind_an_approved_result(approved):
    bench, _ = approved
    rescan(bench)

    assert ("held", PLAIN) in actions(bench)
    assert ("held", PLAIN) not in actions(bench, override=True)


def test_an_approved_result_makes_room_for_a_new_scan_when_that_is_asked_for(approved):
    bench, result = approved
    rescan(bench)

    ended = bench.run(override=True)

    assert (bench.out / PLAIN).read_bytes() != result
    assert ended.held == 0


def test_an_approved_result_makes_room_for_a_new_scan_when_the_approval_is_withdrawn(approved):
    bench, result = approved
    rescan(bench)
    bench.run()
    say(bench, "reject")

    bench.run()

    assert (bench.out / PLAIN).read_bytes() != result


def test_whoever_names_the_new_scan_is_told_how_to_name_the_result_in_its_place(approved, capsys):
    bench, _ = approved
    rescan(bench)
    bench.run()
    capsys.readouterr()

    scan = str(bench.scans / PLAIN)
    code = invoke(
        ["review", "reject", scan, "--by", "Ada", "--reason", "x", "--out", str(bench.out)]
    )

    assert code == 2
    assert "name the output file" in capsys.readouterr().err


def test_an_approved_result_comes_back_with_its_scan(approved):
    bench, result = approved
    before = rescan(bench)
    bench.run(override=True)
    (bench.scans / PLAIN).write_bytes(before)

    assert ("pinned", PLAIN) not in actions(bench)
    bench.run()

    assert (bench.out / PLAIN).read_bytes() == result
    assert ("pinned", PLAIN) in actions(bench)


def test_an_approval_is_not_told_of_a_place_where_the_result_of_another_scan_lies(approved):
    bench, _ = approved
    with open_catalog(bench.job().url, write=False) as catalog:
        (asset,) = queries.assets_named(catalog, PLAIN)
    rescan(bench)
    bench.run(override=True)

    with open_catalog(bench.job().url, write=False) as catalog:
        assert queries.standings(catalog, [asset.uid])[asset.uid].state is State.OPEN


def test_a_lost_approved_result_is_made_again_as_it_was(approved):
    bench, result = approved
    (bench.out / PLAIN).unlink()

    bench.run()

    assert (bench.out / PLAIN).read_bytes() == result
    assert ("pinned", PLAIN) in actions(bench)


def test_a_lost_approved_result_is_made_again_from_the_scan_where_the_store_kept_nothing(approved):
    bench, result = approved
    bench.settings = replace(bench.settings, store=replace(bench.settings.store, keep=()))
    for blob in (bench.out / ".archivist" / "store").rglob("*"):
        if blob.is_file():
            blob.unlink()
    (bench.out / PLAIN).unlink()

    bench.run()

    assert (bench.out / PLAIN).read_bytes() == result


def test_what_is_not_the_approved_result_is_not_published_in_its_place(approved):
    bench, _ = approved
    (bench.out / PLAIN).unlink()
    bench.steps = [{"use": "sample.shade", "amount": 0.25}]

    ended = bench.run()

    assert not (bench.out / PLAIN).exists()
    assert [(one.code, one.paths) for one in ended.failures] == [("not-as-approved", (PLAIN,))]
    assert bench.run(override=True).failed == 0
    assert (bench.out / PLAIN).exists()


@pytest.fixture
def retouched(bench):
    """Give a bench of which somebody changed the output plain.png, and the bytes of that."""
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    PillowImage.fromarray(np.zeros((7, 9, 3), np.uint8)).save(bench.out / PLAIN)
    return bench, (bench.out / PLAIN).read_bytes()


def beside(bench):
    return [path for path in bench.out.iterdir() if ".changed-" in path.name]


def test_what_somebody_made_of_an_output_is_kept_beside_the_new_one(retouched):
    bench, theirs = retouched

    bench.run()

    (kept,) = beside(bench)
    assert kept.read_bytes() == theirs
    assert (bench.out / PLAIN).read_bytes() != theirs
    bench.run()
    assert beside(bench) == [kept]


def test_a_change_that_left_the_size_as_it_was_is_kept_too(bench):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    theirs = bytearray((bench.out / PLAIN).read_bytes())
    theirs[-1] ^= 1
    (bench.out / PLAIN).write_bytes(theirs)
    bench.steps = [{"use": "sample.shade", "amount": 0.25}]

    bench.run()

    assert [path.read_bytes() for path in beside(bench)] == [theirs]


def test_nothing_is_kept_beside_a_result_that_a_later_run_replaces(bench):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    bench.steps = [{"use": "sample.shade", "amount": 0.25}]

    bench.run()

    assert beside(bench) == []


def test_what_a_killed_run_published_unrecorded_is_not_taken_for_somebody_elses(bench, monkeypatch):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    bench.steps = [{"use": "sample.shade", "amount": 0.25}]
    with monkeypatch.context() as killed:
        killed.delattr("archivist.catalog.writer.Writer.record")
        with pytest.raises(AttributeError):
            bench.run()
    bench.steps = [{"use": "sample.shade", "amount": 0.75}]

    bench.run()

    assert beside(bench) == []


def test_it_is_told_and_recorded_where_a_changed_output_is_kept(retouched):
    bench, _ = retouched
    notes = []

    class Listener(Silent):
        def note(self, text):
            notes.append(text)

    run(bench.job(), Listener())

    (kept,) = beside(bench)
    assert [text for text in notes if f"kept as {kept.name}" in text]
    with open_catalog(bench.job().url, write=False) as catalog:
        told = queries.events(catalog, type="output.set-aside")
    assert [one.detail["beside"] for one in told] == [kept.name]
