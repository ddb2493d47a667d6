from __future__ import annotations

from dataclasses import replace

from archivist.model import Action, Artifact, Handed, Status, Task
from archivist.schedule.guard import FAULT, KILLED, carry_out, failed, killed_text, name_of


def test_one_unit_that_raises_leaves_the_others_of_its_batch_done(make_unit, work):
    units = [make_unit("a"), make_unit("raise"), make_unit("b")]
    outcomes = carry_out(work, units)
    assert [outcome.unit for outcome in outcomes] == ["a", "raise", "b"]
    statuses = [outcome.assets[0].status for outcome in outcomes]
    assert statuses == [Status.DONE, Status.FAILED, Status.DONE]


def test_a_fault_says_what_was_raised_and_its_cure(make_unit, work):
    (outcome,) = carry_out(work, [make_unit("raise")])
    assert outcome.assets[0].code == FAULT
    assert "ValueError: a bad file" in outcome.assets[0].message
    assert "Cure:" in outcome.assets[0].message


def test_work_that_forgets_a_unit_is_a_fault_of_that_unit(make_unit, work):
    units = [make_unit("a"), make_unit("b")]
    forgetful = lambda batch: work([unit for unit in batch if unit.uid != "b"])  # noqa: E731
    outcomes = carry_out(forgetful, units)
    assert [outcome.assets[0].code for outcome in outcomes] == ["", FAULT]


def test_outcomes_come_in_the_order_of_the_units(make_units, work):
    units = list(make_units(5))
    outcomes = carry_out(lambda batch: work(batch)[::-1], units)
    assert [outcome.unit for outcome in outcomes] == [unit.uid for unit in units]


def test_a_failed_unit_has_an_outcome_for_each_of_its_assets(make_unit):
    unit = make_unit("a")
    outcome = failed(unit, KILLED, "dead")
    assert [(a.asset, a.status, a.code) for a in outcome.assets] == [("a", Status.FAILED, KILLED)]


def test_a_killed_unit_is_named_by_its_file_with_its_memory_and_cure(make_unit):
    text = killed_text(make_unit("a", 1, 4000))
    assert "a.jpg" in text
    assert "4000 MiB" in text
    assert "--workers 1" in text


def test_a_sequence_is_named_by_its_first_file(make_unit):
    from dataclasses import replace

    unit = make_unit("a")
    assert name_of(replace(unit, files=unit.files * 3)) == "a.jpg and 2 more of its sequence"


def test_a_span_that_failed_hands_on_what_it_got_and_leaves_what_rests_alone(make_unit):
    handed = Handed(
        ordinal=0,
        artifact=Artifact(port="image", kind="image", digest="d"),
        record="r",
        path="f0.png",
        size=(4, 3),
    )
    unit, resting = make_unit("a"), make_unit("b").files[0]
    task = Task(
        asset="a", ordinal=0, step="film.calm", version=1, params={}, action=Action.RUN, reason=""
    )
    work = replace(unit.files[0], pages=(replace(unit.files[0].pages[0], tasks=(task,)),))
    span = replace(unit, sequence="reel", files=(resting, work), handed=(handed,))
    outcome = failed(span, "killed-worker", "it died")

    assert outcome.handed == (handed,)
    assert [asset.asset for asset in outcome.assets] == ["a"]
