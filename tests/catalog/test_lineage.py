"""How photographs came to be: found by content or name, with the records that really led there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.api import UsageError
from archivist.catalog import behind, lineage, uses
from archivist.catalog.finding import How, by_digest, by_inventory, by_path, read_digest
from archivist.catalog.rows import Decision
from archivist.model import (
    AssetOutcome,
    FileWork,
    IdleWeight,
    InputUse,
    PageWork,
    Status,
    Supplied,
    WorkUnit,
)


@pytest.fixture
def done(writer, planned, make):
    """Give a function that treats a file in a run of its own; it returns the run."""

    def treat(file, outcome=None, **changes):
        run = planned(file, units=changes.pop("units", None))
        writer.record(run, [outcome or make.outcome(file, **changes)])
        writer.finish_run(run)
        return run

    return treat


def hows(matches):
    return [match.how for match in matches]


def number(catalog, run):
    return lineage.run_numbers(catalog, [run])[0]


# --- find ---


def test_an_output_is_found_by_its_content(catalog, done, make):
    file = make.file("a")
    done(file)

    [match] = by_digest(catalog, make.digest("output a.jpg"))

    assert (match.how, match.digest, match.page) == (How.OUTPUT, file.digest, None)


def test_an_output_that_was_replaced_is_found_as_an_earlier_one(catalog, done, make):
    file = make.file("a")
    done(file)
    newer = make.publication(file, output_digest=make.digest("newer"))
    done(file, publications=(newer,))

    assert hows(by_digest(catalog, make.digest("output a.jpg"))) == [How.REPLACED]
    assert hows(by_digest(catalog, make.digest("newer"))) == [How.OUTPUT]


@pytest.mark.parametrize(
    ("text", "how"),
    [("blob {} scratch.detect", How.STORED), ("value {} scratch.detect", How.VALUE)],
)
def test_a_stored_mask_is_found_by_its_file_and_by_its_pixels(catalog, done, make, text, how):
    file = make.file("a", pages=2)
    done(file)

    [match] = by_digest(catalog, make.digest(text.format(f"{file.digest}#1")))

    assert (match.how, match.digest, match.page) == (how, file.digest, 1)


def test_eight_digits_of_a_digest_are_enough(catalog, done, make):
    done(make.file("a"))

    assert hows(by_digest(catalog, make.digest("output a.jpg")[:8])) == [How.OUTPUT]


def test_a_record_is_found_by_its_digest(catalog, done, make):
    file = make.file("a")
    done(file)

    [match] = by_digest(catalog, make.digest(f"record {file.digest} scratch.repair"))

    assert (match.how, match.digest) == (How.RECORD, file.digest)


def test_photographs_are_found_by_their_inventory_number(catalog, writer, planned, make):
    asset = make.asset("a", facts={"inventory_no": "1984.12"})
    planned(make.file("a", assets=(asset,)), make.file("b"))

    assert [match.digest for match in by_inventory(catalog, "1984.12")] == [asset.digest]
    assert by_inventory(catalog, "1984.1") == ()


def test_a_path_is_found_among_scans_and_outputs(catalog, done, make):
    file = make.file("a")
    done(file, publications=(make.publication(file, path="access/a.jpg"),))

    assert hows(by_path(catalog, "a.jpg")) == [How.SCAN_PATH]
    assert hows(by_path(catalog, "access/a.jpg")) == [How.OUTPUT_PATH]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0123ABCD", ("0123abcd", None)),
        ("sha256:0123abcd#2", ("0123abcd", 2)),
        ("0123abc", None),
        ("photo 0123abcd", None),
        ("g" * 64, None),
    ],
)
def test_a_digest_is_read_as_people_write_it(text, found):
    assert read_digest(text) == found


# --- the records behind a result ---


def with_params(make, file, threshold):
    """Return a plan and its outcome with another param, and so with other results."""
    (asset,) = file.assets
    params = {"threshold": threshold}
    key = make.digest(f"key {threshold}")
    task = make.task(asset, params=params, key=key)
    page = PageWork(asset=asset, tasks=(task,))
    work = FileWork(digest=file.digest, paths=(file.path,), pages=(page,))
    record = make.record(
        asset.uid,
        params=params,
        key=key,
        inputs=(InputUse(port="image", digest=asset.uid, role="scan"),),
        outputs=(make.artifact(f"mask {threshold}"),),
        digest=make.digest(f"record {threshold}"),
    )
    outcome = make.outcome(
        file,
        assets=(AssetOutcome(asset=asset.uid, status=Status.DONE, records=(record,)),),
        publications=(make.publication(file, output_digest=make.digest(f"output {threshold}")),),
    )
    return [WorkUnit(uid=file.digest, files=(work,), seconds=1.0)], outcome


def test_a_run_that_took_over_an_older_result_is_told_with_that_record(catalog, writer, done, make):
    file = make.file("a")
    runs = []
    for threshold in (0.1, 0.2, 0.1):  # the third finds what the first has made
        units, outcome = with_params(make, file, threshold)
        if len(runs) == 2:
            outcome = replace(outcome, assets=(replace(outcome.assets[0], records=()),))
        runs.append(done(file, outcome, units=units))

    made = [
        behind.records_behind(catalog, {file.digest: number(catalog, run)})[file.digest][0]
        for run in runs
    ]

    assert [one.record.params["threshold"] for (one,) in made] == [0.1, 0.2, 0.1]
    assert [one.run for (one,) in made] == [runs[0], runs[1], runs[0]]


def test_of_two_records_that_fit_the_one_that_read_the_right_mask_is_taken(catalog, done, make):
    file = make.file("a")
    uid = file.digest
    masks = [make.artifact("old"), make.artifact("new")]
    repairs = [
        make.record(
            uid,
            1,
            key=make.digest(mask.digest),
            inputs=(InputUse(port="mask", digest=mask.digest, role="mask"),),
            outputs=(),
            digest=make.digest(f"repair {mask.digest}"),
        )
        for mask in masks
    ]
    scan = (InputUse(port="image", digest=uid, role="scan"),)
    detect = make.record(uid, 0, outputs=(masks[0],), inputs=scan)
    tasks = make.task(file.assets[0], 0), make.task(file.assets[0], 1)
    params = tasks[0].params
    records = [replace(one, params=params) for one in (detect, repairs[1], repairs[0])]
    page = PageWork(asset=file.assets[0], tasks=tasks)
    work = FileWork(digest=uid, paths=(file.path,), pages=(page,))
    outcome = make.outcome(
        file, assets=(AssetOutcome(asset=uid, status=Status.DONE, records=tuple(records)),)
    )
    units = [WorkUnit(uid=uid, files=(work,), seconds=1.0)]
    run = done(file, outcome, units=units)

    made, _ = behind.records_behind(catalog, {uid: number(catalog, run)})[uid]

    assert [one.record.digest for one in made] == [detect.digest, repairs[0].digest]


def test_a_mask_drawn_by_hand_is_part_of_the_plan(catalog, done, make):
    file = make.file("a")
    drawn = Supplied(port="user_mask", path="/masks/a.png", digest=make.digest("drawn"))
    unit = make.unit(file)
    page = replace(unit.files[0].pages[0], supplied=(drawn,))
    units = [replace(unit, files=(replace(unit.files[0], pages=(page,)),))]
    run = done(file, units=units)

    _, plan = behind.records_behind(catalog, {file.digest: number(catalog, run)})[file.digest]

    assert plan.supplied == (drawn,)


def test_a_failed_step_is_the_last_of_its_run(catalog, done, make):
    file = make.file("a")
    (asset,) = file.assets
    failed = make.record(
        asset.uid,
        status=Status.FAILED,
        outputs=(),
        params={"threshold": 0.4},
        inputs=(InputUse(port="image", digest=asset.uid, role="scan"),),
        code="no-memory",
    )
    outcome = make.outcome(
        file,
        assets=(AssetOutcome(asset=asset.uid, status=Status.FAILED, records=(failed,)),),
        publications=(),
    )
    run = done(file, outcome)

    made, _ = behind.records_behind(catalog, {asset.uid: number(catalog, run)})[asset.uid]

    assert [one.record.code for one in made] == ["no-memory"]


def test_pages_of_a_sequence_are_found_though_their_unit_has_another_name(catalog, done, make):
    file = make.file("a", pages=2)
    run = done(
        file,
        make.outcome(file, unit="sequence film"),
        units=[make.unit(file, uid="sequence film", sequence="film")],
    )

    found = behind.records_behind(
        catalog, {asset.uid: number(catalog, run) for asset in file.assets}
    )

    assert [len(plan.steps) for _, plan in found.values()] == [2, 2]


def test_all_that_was_published_of_a_scan_is_told_oldest_first(catalog, done, make):
    file = make.file("a")
    done(file)
    done(file, publications=(make.publication(file, output_digest=make.digest("newer")),))

    files = lineage.written_of(catalog, [file.digest])[file.digest]

    assert [one.replaced for one in files] == [True, False]
    assert [one.publication.path for one in lineage.lying(files)] == ["a.jpg"]


# --- what was made with something ---


def found_by(catalog, *conditions, ever=False):
    return [one.written.publication.path for one in uses.uses(catalog, conditions, ever=ever)]


@pytest.fixture
def treated(done, make):
    """Give a file that was treated with params as the plan has them."""

    def treat(name, **changes):
        file = make.file(name)
        scan = InputUse(port="image", digest=file.digest, role="scan")
        facts = {"params": {"threshold": 0.4}, "inputs": (scan,), **changes}
        records = [make.record(file.digest, n, **facts) for n in range(2)]
        ended = AssetOutcome(asset=file.digest, status=Status.DONE, records=tuple(records))
        done(file, make.outcome(file, assets=(ended,)))
        return file

    return treat


def test_outputs_are_found_by_the_weights_that_made_them(catalog, treated, make):
    treated("a")
    treated("b", weights=())
    idle = IdleWeight(name="unet", digest=make.digest("unet"), licence="MIT", source="us")
    treated("c", weights=(idle,))

    condition = uses.uses_weights(catalog, make.digest("unet")[:10])

    assert found_by(catalog, condition) == ["a.jpg"]


@pytest.mark.parametrize(
    "name",
    [
        "scratch.repair",
        "scratch.repair@1",
        "archivist-scratch",
        "Archivist_Scratch==0.1",
    ],
)
def test_outputs_are_found_by_step_and_by_plugin(catalog, treated, name):
    treated("a")

    assert found_by(catalog, uses.made_with(catalog, name)) == ["a.jpg"]


def test_a_step_that_was_not_needed_made_nothing(catalog, treated):
    treated("a", status=Status.SKIPPED, outputs=())

    assert found_by(catalog, uses.made_with(catalog, "scratch.repair")) == []


@pytest.mark.parametrize("name", ["scratch.repair@2", "archivist-scratch==0.2", "faces"])
def test_an_unknown_plugin_is_refused_with_the_recorded_ones(catalog, treated, name):
    treated("a")

    with pytest.raises(UsageError, match=r"archivist-scratch==0\.1"):
        uses.made_with(catalog, name)


def test_only_what_a_step_borrowed_counts_not_what_was_chosen(catalog, treated, make):
    lender = make.digest("lender")
    borrowed = InputUse(port="references", digest=lender, role="reference", score=0.5)
    treated("a", inputs=(borrowed,))
    treated("b", inputs=(replace(borrowed, role="chosen"),))

    assert found_by(catalog, uses.borrowed_from({lender})) == ["a.jpg"]


def test_outputs_are_found_by_their_reviewer(catalog, writer, treated):
    a, b = treated("a"), treated("b")
    writer.review(a.digest, Decision.APPROVE, by="Ada")
    writer.review(b.digest, Decision.REJECT, by="Ben")

    [found] = uses.uses(catalog, [uses.reviewed_by(catalog, "Ada")])

    assert found.asset.digest == a.digest
    assert found.reviewed[0][:2] == ("approve", "Ada")


def test_all_conditions_must_hold(catalog, writer, treated):
    a, _ = treated("a"), treated("b")
    writer.review(a.digest, Decision.APPROVE, by="Ada")
    conditions = uses.made_with(catalog, "scratch.detect"), uses.reviewed_by(catalog, "Ada")

    assert found_by(catalog, *conditions) == ["a.jpg"]
    assert found_by(catalog, *conditions[::-1]) == ["a.jpg"]


def test_an_output_made_anew_without_the_weights_is_listed_only_among_earlier_ones(
    catalog, done, make
):
    file = make.file("a")
    for threshold in (0.1, 0.2):
        units, outcome = with_params(make, file, threshold)
        if threshold == 0.2:
            (ended,) = outcome.assets
            ended = replace(ended, records=(replace(ended.records[0], weights=()),))
            outcome = replace(outcome, assets=(ended,))
        done(file, outcome, units=units)
    condition = uses.uses_weights(catalog, make.digest("unet"))

    assert found_by(catalog, condition) == []
    [earlier] = uses.uses(catalog, [condition], ever=True)
    assert earlier.written.publication.output_digest == make.digest("output 0.1")


def test_unknown_weights_are_refused_with_the_recorded_ones(catalog, treated):
    treated("a")

    with pytest.raises(UsageError, match="unet"):
        uses.uses_weights(catalog, "12345678")


def test_an_unknown_reviewer_is_refused(catalog):
    with pytest.raises(UsageError, match="nobody called"):
        uses.reviewed_by(catalog, "Ada")


# --- runs ---


def test_runs_are_found_by_the_first_digits_of_their_uid(catalog, done, make):
    run = done(make.file("a"))

    assert lineage.runs_beginning(catalog, run[:10]) == (run,)
    assert lineage.runs_beginning(catalog, "%") == ()


def test_assets_treated_by_either_of_two_runs_are_told_once(catalog, done, make):
    a, b = make.file("a"), make.file("b")
    runs = [done(a), done(a), done(b)]
    numbers = lineage.run_numbers(catalog, runs[1:])

    assert list(lineage.treated_by(catalog, numbers)) == [a.digest, b.digest]
