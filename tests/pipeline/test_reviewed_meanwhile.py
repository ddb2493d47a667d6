"""People decide about results while a run goes on that would replace them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image as PillowImage

from archivist.catalog import queries
from archivist.catalog.session import open_catalog
from archivist.cli.main import invoke
from archivist.config import ReviewSettings
from archivist.model import Status
from archivist.pipeline import plan, run
from archivist.pipeline.job import Silent
from archivist.report.verify import Condition
from archivist.report.verify_journal import check_journal

PLAIN, PHOTO = "plain.png", "photo.jpg"


@pytest.fixture
def remade(bench):
    """Give a bench whose results would all be made anew by the next run."""
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    bench.steps = [{"use": "sample.shade", "amount": 0.25}]
    return bench


def reviewed(bench, *said, **options):
    """Run, and say something of plain.png when the work begins."""

    class Curator(Silent):
        def start(self, total_units, total_assets, seconds):
            for words in said:
                command = ["review", *words.split(), str(bench.out / PLAIN), "--reason", "looked"]
                assert invoke([*command, "--config", str(config)]) == 0

    config = bench.out.parent / "review.toml"
    config.write_text(f"[review]\napprovals = {bench.settings.review.approvals}\n")
    return run(bench.job(**options), Curator())


def test_what_is_approved_while_a_run_goes_is_not_replaced_by_it(remade):
    before, other = remade.pixels(PLAIN), remade.pixels(PHOTO)

    result = reviewed(remade, "approve --by Ada")

    assert (remade.pixels(PLAIN) == before).all()
    assert (remade.pixels(PHOTO) < other.mean()).any()
    assert result.counts == {"done": 3, "skipped": 1}


def test_what_is_approved_while_a_run_goes_is_not_replaced_by_the_result_of_another_scan(remade):
    before = (remade.out / PLAIN).read_bytes()
    PillowImage.fromarray(255 - remade.source(PLAIN)).save(remade.scans / PLAIN)

    result = reviewed(remade, "approve --by Ada")

    assert (remade.out / PLAIN).read_bytes() == before
    assert result.held == 1


def test_the_record_says_why_an_approved_result_was_left(remade):
    reviewed(remade, "approve --by Ada")

    with open_catalog(remade.job().url, write=False) as catalog:
        (asset,) = queries.assets_named(catalog, PLAIN)
        last = queries.last_outcomes(catalog, [asset.uid])[asset.uid]
        assert (last.status, last.code) == (Status.SKIPPED, "approved")
        assert "was approved while the run went on, and stays" in last.message
        assert [one.condition for one in check_journal(catalog)] == [Condition.FINE]


def test_the_next_plan_pins_what_was_approved_while_a_run_went_on(remade):
    reviewed(remade, "approve --by Ada")

    lines = [(line.action, line.count) for line in plan(remade.job()).lines]

    assert lines == [("reuse", 3), ("pinned", 1)] or lines == [("pinned", 1), ("reuse", 3)]


def test_an_approval_that_is_fresher_than_an_override_holds(remade):
    before = remade.pixels(PLAIN)

    reviewed(remade, "approve --by Ada", override=True)

    assert (remade.pixels(PLAIN) == before).all()


@pytest.mark.parametrize("words", ["reject --by Bea", "note --by Bea"])
def test_what_is_not_approved_is_replaced_as_planned(remade, words):
    before = remade.pixels(PLAIN)

    assert reviewed(remade, words).counts == {"done": 4}

    assert not (remade.pixels(PLAIN) == before).all()


def test_an_approval_that_is_taken_back_meanwhile_holds_nothing(remade):
    before = remade.pixels(PLAIN)

    reviewed(remade, "approve --by Ada", "reject --by Ada")

    assert not (remade.pixels(PLAIN) == before).all()


def test_the_first_approval_of_two_that_are_needed_holds_nothing(remade):
    remade.settings = replace(remade.settings, review=ReviewSettings(approvals=2))
    before = remade.pixels(PLAIN)

    reviewed(remade, "approve --by Ada")

    assert not (remade.pixels(PLAIN) == before).all()


def test_an_approval_that_is_refused_holds_nothing(remade):
    class Curator(Silent):
        def start(self, total_units, total_assets, seconds):
            (remade.out / PHOTO).write_bytes(b"somebody else's")
            files = [str(remade.out / PLAIN), str(remade.out / PHOTO)]
            assert invoke(["review", "approve", *files, "--by", "Ada"]) == 2

    before = remade.pixels(PLAIN)

    assert run(remade.job(), Curator()).counts == {"done": 4}

    assert not (remade.pixels(PLAIN) == before).all()


def test_what_the_run_has_just_made_anew_is_not_approved_unseen(remade, capsys):
    """Its outcome is not recorded yet, so the catalog still has the result of before."""

    class Curator(Silent):
        def start(self, total_units, total_assets, seconds):
            (remade.out / PLAIN).write_bytes((remade.out / PHOTO).read_bytes())
            command = ["review", "approve", str(remade.scans / PLAIN), "--by", "Ada"]
            assert invoke([*command, "--out", str(remade.out)]) == 2

    run(remade.job(), Curator())

    assert "is being made anew by the run that goes on" in capsys.readouterr().err


def test_a_reference_is_withdrawn_while_a_run_goes_on(remade):
    class Curator(Silent):
        def start(self, total_units, total_assets, seconds):
            command = ["references", "withdraw", str(remade.scans / PLAIN), "--by", "Ada"]
            assert invoke([*command, "--reason", "asked", "--out", str(remade.out)]) == 0

    run(remade.job(), Curator())

    with open_catalog(remade.job().url, write=False) as catalog:
        (asset,) = queries.assets_named(catalog, PLAIN)
        assert queries.withdrawals(catalog)[asset.uid].by == "Ada"
