"""What reports, exports, reviews and upkeep read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.catalog import queries, reports
from archivist.catalog.rows import Decision, RunState
from archivist.model import AssetOutcome, MetadataContract, Status


def test_a_report_row_tells_everything_about_an_asset(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)
    outcome = make.outcome(file)
    writer.record(run, [outcome])

    [row] = queries.report_rows(catalog)

    assert (row.asset, row.paths) == (file.assets[0], ("a.jpg",))
    assert (row.status, row.seconds, row.run) == ("done", 1.0, run)
    assert row.records == outcome.assets[0].records
    assert row.publications == outcome.publications
    assert row.approval is None


def test_an_asset_that_no_run_treated_is_pending_in_the_report(catalog, planned, make):
    planned(make.file("a"))

    [row] = queries.report_rows(catalog)

    assert (row.status, row.records, row.run) == ("pending", (), None)
    assert queries.totals(catalog) == {"pending": 1}


def test_report_rows_come_page_by_page(catalog, planned, make, monkeypatch):
    monkeypatch.setattr(reports, "_PAGE", 2)
    files = [make.file(str(n)) for n in range(5)]
    planned(*files)

    found = {row.asset.digest for row in queries.report_rows(catalog)}

    assert found == {file.digest for file in files}


def test_the_report_of_a_run_holds_what_that_run_treated(catalog, writer, planned, make):
    a, b = make.file("a"), make.file("b")
    first = planned(a, b, units=[make.unit(a)])
    writer.record(first, [make.outcome(a)])
    second = planned(a, b, units=[make.unit(b)])
    writer.record(second, [make.outcome(b)])

    assert [row.asset.digest for row in queries.report_rows(catalog, run=first)] == [a.digest]
    assert [row.asset.digest for row in queries.report_rows(catalog, run=second)] == [b.digest]
    chosen = queries.report_rows(catalog, assets=[b.digest])
    assert [row.asset.digest for row in chosen] == [b.digest]


def test_a_report_ends_at_the_step_that_failed(catalog, writer, planned, make):
    file = make.file("a")
    writer.record(planned(file), [make.outcome(file)])
    failed = make.record(file.digest, status=Status.FAILED, code="bad-output", outputs=())
    asset = AssetOutcome(
        asset=file.digest, status=Status.FAILED, code="bad-output", records=(failed,)
    )

    writer.record(planned(file), [make.outcome(file, assets=(asset,), publications=())])

    [row] = queries.report_rows(catalog)
    assert (row.status, row.code) == ("failed", "bad-output")
    assert row.records == (failed,)


def test_artifacts_are_listed_by_kind(catalog, writer, planned, make):
    file = make.file("a")
    outputs = (
        make.artifact("m"),
        make.artifact("p", port="probability", kind="probability"),
    )
    record = make.record(file.digest, outputs=outputs)
    asset = replace(make.outcome(file).assets[0], records=(record,))
    writer.record(planned(file), [make.outcome(file, assets=(asset,))])

    [row] = queries.artifacts(catalog, assets=[file.digest], kinds=["probability"])

    assert row.artifact == outputs[1]
    assert (row.paths, row.step) == (("a.jpg",), "scratch.detect")
    assert len(list(queries.artifacts(catalog))) == 2


def test_what_was_published_is_found_by_the_digest_of_the_scan(catalog, writer, planned, make):
    file = make.file("a")
    publication = make.publication(file, key=make.digest("form"))
    writer.record(planned(file), [make.outcome(file, publications=(publication,))])

    found = queries.published(catalog, [file.digest])[file.digest, "master", "a.jpg"]

    assert (found.path, found.output_digest, found.key) == (
        publication.path,
        publication.output_digest,
        publication.key,
    )
    assert list(queries.publications(catalog, paths=["a.jpg"])) == [publication]


def test_an_output_that_was_overwritten_is_no_longer_published(catalog, writer, planned, make):
    old, new = make.file("old"), make.file("new", path="old.jpg")
    for file in (old, new):
        writer.record(planned(file), [make.outcome(file)])

    assert queries.published(catalog, [old.digest]) == {}
    assert [item.digest for item in queries.publications(catalog)] == [new.digest]


def test_contracts_with_losses_are_found(catalog, writer, planned, make):
    files = [make.file("a"), make.file("b")]
    lossy = MetadataContract(kept=("Make",), lost={"MakerNote": "the format has no room"})
    run = planned(*files)
    writer.record(run, [make.outcome(files[0])])
    publication = make.publication(files[1], contract=lossy)
    writer.record(run, [make.outcome(files[1], publications=(publication,))])

    assert list(queries.publications(catalog, lossy=True)) == [publication]


def test_an_approved_asset_is_pinned_until_it_is_rejected(catalog, writer, planned, make):
    file = make.file("a")
    outcome = make.outcome(file)
    writer.record(planned(file), [outcome])

    writer.review(file.digest, Decision.APPROVE, by="Ada", reason="like the print")

    approval = queries.pinned(catalog, [file.digest])[file.digest]
    assert (approval.reviewer, approval.reason) == ("Ada", "like the print")
    assert set(approval.records) == {record.digest for record in outcome.assets[0].records}

    writer.review(file.digest, Decision.REJECT, by="Ada")
    assert queries.pinned(catalog, [file.digest]) == {}
    assert queries.reviews(catalog, [file.digest])[file.digest].decision is Decision.REJECT


def test_a_finished_run_keeps_when_and_how_it_ended(catalog, writer, planned, make):
    run = planned(make.file("a"))

    writer.finish_run(run, RunState.DONE)

    [row] = queries.runs(catalog)
    assert (row.uid, row.state) == (run, RunState.DONE)
    assert row.finished is not None
    assert row.started <= row.finished


def test_runs_are_listed_newest_first(catalog, writer):
    uids = [writer.start_run(command="scan") for _ in range(3)]

    assert [row.uid for row in queries.runs(catalog, limit=2)] == uids[:0:-1]
    assert uids == sorted(uids)


def test_events_hold_who_and_what(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)

    writer.add_event("asset.noted", run=run, asset=file.digest, detail={"n": 1}, actor="Ada")

    [event] = queries.events(catalog, asset=file.digest)
    assert (event.type, event.run, event.asset) == ("asset.noted", run, file.digest)
    assert (event.detail, event.actor) == ({"n": 1}, "Ada")


def test_outcomes_come_in_pages(catalog, writer, planned, make):
    files = [make.file(str(n)) for n in range(5)]
    run = planned(*files)
    writer.record(run, [make.outcome(file) for file in files])

    first = queries.outcomes(catalog, run, limit=3)
    rest = queries.outcomes(catalog, run, limit=3, after=first[-1].asset)

    assert {one.asset for one in first + rest} == {file.digest for file in files}
    assert (len(first), len(rest)) == (3, 2)


@pytest.mark.parametrize("command", ["scan", "run"])
def test_runs_can_be_listed_by_command(catalog, writer, command):
    uids = {name: writer.start_run(command=name) for name in ("scan", "run")}

    assert [row.uid for row in queries.runs(catalog, command=command)] == [uids[command]]
