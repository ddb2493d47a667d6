"""Recording outcomes: whole, once, and never over an earlier result."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from archivist.api.steps import Determinism, Kind
from archivist.catalog import queries
from archivist.catalog.sizes import bytes_per_pixel
from archivist.model import AssetOutcome, IdleWeight, InputUse, Status, WeightUse


def _with_records(outcome, *records, **changes):
    asset = replace(outcome.assets[0], records=records, **changes)
    return replace(outcome, assets=(asset,))


def test_a_recorded_result_is_known_by_its_key(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)

    writer.record(run, [make.outcome(file)])

    record = make.record(file.digest)
    found = queries.known(catalog, [record.key, make.digest("unknown")])
    assert list(found) == [record.key]
    assert found[record.key].outputs == record.outputs
    assert found[record.key].record == record.digest


def test_a_record_is_read_back_whole(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)
    outcome = make.outcome(file)

    writer.record(run, [outcome])

    assert queries.records_of(catalog, file.digest) == outcome.assets[0].records
    assert tuple(queries.all_records(catalog)) == outcome.assets[0].records
    environment = outcome.assets[0].records[0].environment
    assert queries.environment(catalog, environment) == outcome.environment


def test_recording_twice_changes_nothing(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)
    outcome = make.outcome(file)
    assert writer.record(run, [outcome]) == 1
    before = (queries.info(catalog).counts, queries.run_counts(catalog, run))

    assert writer.record(run, [outcome]) == 0

    assert (queries.info(catalog).counts, queries.run_counts(catalog, run)) == before


def test_a_second_run_with_the_same_result_adds_no_record(catalog, writer, planned, make):
    file = make.file("a")
    writer.record(planned(file), [make.outcome(file)])

    writer.record(planned(file), [make.outcome(file)])

    assert len(queries.records_of(catalog, file.digest)) == 2
    assert queries.info(catalog).counts["publication"] == 1
    assert queries.events(catalog, type="step.nondeterministic") == ()


def test_another_result_of_the_same_key_is_an_event_and_replaces_nothing(
    catalog, writer, planned, make
):
    file = make.file("a")
    writer.record(planned(file), [make.outcome(file)])
    first = make.record(file.digest)
    other = replace(first, outputs=(make.artifact("other"),), digest=make.digest("other"))

    writer.record(planned(file), [_with_records(make.outcome(file), other)])

    assert queries.known(catalog, [first.key])[first.key].outputs == first.outputs
    [event] = queries.events(catalog, type="step.nondeterministic", asset=file.digest)
    assert event.detail["stored"] == {"mask": first.outputs[0].digest}
    assert event.detail["now"] == {"mask": other.outputs[0].digest}


def test_two_pages_of_the_same_pixels_share_a_key_and_have_a_record_each(
    catalog, writer, planned, make
):
    file = make.file("twins", pages=2)
    run = planned(file)
    outcome = make.outcome(file)
    twin = [
        replace(asset.records[0], key=make.digest("key"), outputs=(make.artifact("same"),))
        for asset in outcome.assets
    ]
    assets = tuple(
        replace(asset, records=(record,))
        for asset, record in zip(outcome.assets, twin, strict=True)
    )

    writer.record(run, [replace(outcome, assets=assets)])

    for asset, record in zip(file.assets, twin, strict=True):
        assert queries.records_of(catalog, asset.uid) == (record,)
    assert queries.events(catalog, type="step.nondeterministic") == ()


def test_the_scan_of_a_page_comes_back_as_it_was_recorded(catalog, writer, planned, make):
    file = make.file("album", pages=2)
    run = planned(file)
    page = file.assets[1].uid
    record = make.record(page, inputs=(InputUse(port="image", digest=page, role="scan"),))
    outcome = make.outcome(file)
    assets = (outcome.assets[0], replace(outcome.assets[1], records=(record,)))

    writer.record(run, [replace(outcome, assets=assets)])

    assert queries.records_of(catalog, page) == (record,)


def test_a_failure_is_recorded_each_time(catalog, writer, planned, make):
    file = make.file("a")
    failed = make.record(
        file.digest, status=Status.FAILED, code="out-of-memory", reason="buy more", outputs=()
    )
    outcome = _with_records(
        make.outcome(file, publications=()), failed, status=Status.FAILED, code="out-of-memory"
    )

    for run in (planned(file), planned(file)):
        writer.record(run, [outcome])
        [failure] = queries.failures(catalog, run)
        assert (failure.code, failure.paths) == ("out-of-memory", (file.path,))

    assert len(queries.records_of(catalog, file.digest)) == 2
    assert queries.known(catalog, [failed.key]) == {}
    assert queries.last_failures(catalog, [file.digest])[file.digest].run == run


def test_going_back_to_an_earlier_result_is_the_newest_record(catalog, writer, planned, make):
    file = make.file("a")
    old = make.record(file.digest)
    new = replace(old, key=make.digest("new params"), params={"threshold": 0.5})
    writer.record(planned(file), [_with_records(make.outcome(file), old)])
    writer.record(planned(file), [_with_records(make.outcome(file), new)])

    back = replace(old, status=Status.REUSED)
    writer.record(planned(file), [_with_records(make.outcome(file), back)])
    writer.record(planned(file), [_with_records(make.outcome(file), back)])

    newest = queries.previous(catalog, [file.digest])[file.digest, "scratch.detect"]
    assert (newest.key, newest.params) == (old.key, old.params)
    assert len(queries.records_of(catalog, file.digest)) == 3


def test_previous_tells_what_the_newest_record_was_made_of(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)
    writer.record(run, [make.outcome(file)])
    record = make.record(file.digest, 1)

    found = queries.previous(catalog, [file.digest, make.digest("b")], ["scratch.repair"])

    assert list(found) == [(file.digest, "scratch.repair")]
    before = found[file.digest, "scratch.repair"]
    assert (before.version, before.params, before.key) == (1, record.params, record.key)
    assert (before.inputs, before.weights) == (record.inputs, record.weights)
    assert (before.tiling, before.run) == (record.tiling, run)
    assert before.result == queries.known(catalog, [record.key])[record.key]


def test_a_deleted_file_is_no_longer_kept_until_it_is_made_again(catalog, writer, planned, make):
    file = make.file("a")
    record = make.record(file.digest)
    outcome = _with_records(make.outcome(file), record)
    writer.record(planned(file), [outcome])
    blob = record.outputs[0].blob
    assert list(queries.referenced_blobs(catalog)) == [blob]

    assert writer.forget_blobs([blob], reason="retention") == 1
    assert list(queries.referenced_blobs(catalog)) == []
    assert not queries.known(catalog, [record.key])[record.key].outputs[0].kept

    writer.record(planned(file), [outcome])
    assert queries.known(catalog, [record.key])[record.key].outputs[0].kept


def test_a_result_known_by_digest_only_gains_its_file_when_made_again(
    catalog, writer, planned, make
):
    file = make.file("a")
    bare = make.artifact("m", kept=False, blob=None, size=0, media_type="")
    for artifact in (bare, make.artifact("m")):
        record = make.record(file.digest, outputs=(artifact,))
        writer.record(planned(file), [_with_records(make.outcome(file), record)])

    assert queries.known(catalog, [record.key])[record.key].outputs == (make.artifact("m"),)


def test_counters_follow_what_is_recorded(catalog, writer, planned, make):
    files = [make.file(str(n)) for n in range(3)]
    run = planned(*files)
    failed = make.outcome(files[2])
    bad = AssetOutcome(asset=files[2].digest, status=Status.FAILED, code="truncated", seconds=2.0)

    writer.record(run, [make.outcome(files[0])])
    writer.record(run, [make.outcome(files[1]), replace(failed, assets=(bad,), publications=())])

    counts = {
        (one.step, one.status): (one.count, one.seconds) for one in queries.run_counts(catalog, run)
    }
    assert counts == {
        ("", "done"): (2, 2.0),
        ("", "failed"): (1, 2.0),
        ("scratch.detect", "done"): (2, 1.0),
        ("scratch.repair", "done"): (2, 1.0),
    }
    assert queries.totals(catalog) == {"done": 2, "failed": 1}


def test_nothing_of_a_batch_is_kept_when_one_outcome_cannot_be_stored(
    catalog, writer, planned, make
):
    files = [make.file("a"), make.file("b")]
    run = planned(*files)
    bad = replace(make.record(files[1].digest), scores={"share": float("nan")})
    before = queries.info(catalog).counts

    with pytest.raises(ValueError, match="JSON compliant"):
        writer.record(run, [make.outcome(files[0]), _with_records(make.outcome(files[1]), bad)])

    assert queries.info(catalog).counts == before
    assert writer.record(run, [make.outcome(file) for file in files]) == 2


def test_nul_and_surrogates_in_texts_are_made_visible(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)
    record = make.record(
        file.digest, reason="no\0thing", params={"note": "x\0\ud800"}, log=("\udcff",)
    )

    writer.record(run, [_with_records(make.outcome(file), record)])

    [found] = queries.records_of(catalog, file.digest)
    assert found.reason == "no\u2400thing"
    assert found.params == {"note": "x\u2400\ufffd"}
    assert found.log == ("\ufffd",)


def test_members_of_enumerations_are_stored_as_their_words(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)
    record = make.record(
        file.digest,
        outputs=(make.artifact("m", kind=Kind.MASK),),
        determinism=Determinism.TOLERANCE,
    )

    writer.record(run, [_with_records(make.outcome(file), record)])

    [found] = queries.records_of(catalog, file.digest)
    assert (found.outputs[0].kind, found.determinism) == ("mask", "tolerance")


def test_weights_seen_lists_licence_and_uses(catalog, writer, planned, make):
    file = make.file("a")
    writer.record(planned(file), [make.outcome(file)])

    [row] = queries.weights_seen(catalog)

    assert (row.weights, row.uses) == (make.record(file.digest).weights[0], 2)


def test_weights_that_a_step_did_not_use_are_read_back_as_such_in_their_order(
    catalog, writer, planned, make
):
    file = make.file("a")
    names = ("first", "second", "third")
    first, second, third = (
        WeightUse(name=one, digest=make.digest(one), licence="MIT", source="us") for one in names
    )
    weights = (IdleWeight(**asdict(first)), second, IdleWeight(**asdict(third)))
    record = make.record(file.digest, weights=weights)

    writer.record(planned(file), [_with_records(make.outcome(file), record)])

    (found,) = queries.records_of(catalog, file.digest)
    assert found.weights == weights
    assert found.used_weights == (second,)
    assert {row.weights.name: row.uses for row in queries.weights_seen(catalog)} == {
        "first": 0,
        "second": 1,
        "third": 0,
    }


def test_bytes_for_each_pixel_are_measured_on_the_files_that_are_kept(
    catalog, writer, planned, make
):
    file = make.file("a")
    out = make.artifact("large", port="image", size=3000, width=100, height=10)
    known = make.artifact("known", port="mask", size=9, width=0, height=0)
    record = make.record(file.digest, outputs=(out, known))

    writer.record(planned(file), [_with_records(make.outcome(file), record)])

    assert bytes_per_pixel(catalog) == {(record.step, "image"): 3.0}
