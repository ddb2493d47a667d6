"""The queue: what waits for a decision, the riskiest first, each with numbers and reasons."""

from __future__ import annotations

import pytest

from archivist.api.errors import UsageError
from archivist.api.values import Colour
from archivist.catalog.scored import Scored, ScoredStep
from archivist.model import Asset, Flag, Header
from archivist.review.measures import MEASURES, assess, weighted

SPOTTED = "album/spotted.png"
WEIGHTS = weighted({})


def step(name: str = "a.b", **more) -> ScoredStep:
    values = {"title": "", "status": "done", "conjectural": False, "key": "0" * 64}
    return ScoredStep(step=name, **(values | more))


def result(*steps: ScoredStep, flags: tuple[Flag, ...] = ()) -> Scored:
    header = Header(format="png", width=8, height=8, colour=Colour.GREY, depth=8)
    asset = Asset(digest="a" * 64, page=0, pages=1, header=header)
    return Scored(asset=asset, paths=("a.png",), steps=steps, flags=flags)


def measured(*steps: ScoredStep, **more) -> dict[str, float]:
    return {why.measure: why.value for why in assess(result(*steps, **more), WEIGHTS)[1]}


def test_a_result_of_which_nothing_was_measured_has_no_risk():
    assert assess(result(step()), WEIGHTS) == (0.0, ())


@pytest.mark.parametrize(
    ("measure", "scores"),
    [
        ("change", {"changed_share": 0.4}),
        ("change", {"damaged_share": 0.4}),
        ("identity", {"identity_distance": 0.4}),
        ("identity", {"face.identity_drift_max": 0.4}),
        ("identity", {"refined_distance_most": 0.4}),
        ("colour", {"colour_confidence": 0.4}),
        ("colour", {"mean_confidence": 0.4}),
        ("named", {"risk.flicker": 0.4}),
    ],
)
def test_scores_of_steps_are_measured_by_their_names(measure, scores):
    assert measured(step(scores=scores)) == {measure: 0.4}


def test_the_worst_reference_counts():
    assert measured(step(references=(0.9, 0.3, 0.5))) == {"reference": 0.3}


def test_steps_that_invent_and_findings_of_checks_count():
    flag = Flag(check="tone", step="a.b", key="0" * 64, reason="too dark")

    found = measured(step(conjectural=True), step("c.d", conjectural=True), flags=(flag,))

    assert found == {"invented": 2, "findings": 1}


def test_a_step_that_was_skipped_does_not_count():
    assert measured(step(status="skipped", conjectural=True, scores={"changed_share": 1.0})) == {}


@pytest.mark.parametrize("measure", MEASURES, ids=lambda one: one.name)
def test_each_measure_goes_from_no_risk_to_full_risk_and_never_beyond(measure):
    span = measure.alarming - measure.calm

    assert measure.risk(measure.calm) == 0
    assert measure.risk(measure.alarming) == 1
    assert measure.risk(measure.calm - span) == 0
    assert measure.risk(measure.alarming + span) == 1


def test_several_risks_together_are_more_than_each_and_never_more_than_one():
    parts = [{"changed_share": 0.3}, {"identity_distance": 0.3}]
    alone = [assess(result(step(scores=one)), WEIGHTS)[0] for one in parts]

    both, reasons = assess(result(step(scores=parts[0] | parts[1])), WEIGHTS)

    assert max(alone) < both < 1
    assert [why.measure for why in reasons] == ["identity", "change"]


def test_a_reason_tells_the_number_and_where_it_comes_from():
    (why,) = assess(result(step("x.y", scores={"changed_share": 0.25})), WEIGHTS)[1]

    assert why.text == "share of the picture that was changed: 25.0% (x.y: changed_share)"


def test_a_measure_without_weight_is_left_out():
    weights = weighted({"change": 0.0})

    assert assess(result(step(scores={"changed_share": 1.0})), weights) == (0.0, ())


def test_a_weight_of_a_measure_that_there_is_not_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="Did you mean 'colour'"):
        weighted({"color": 1.0})


# --- of an archive --------------------------------------------------------------------------


@pytest.fixture
def invented(desk):
    """An archive of which every result holds invented content."""
    desk.run("--recipe", "colour")
    return desk


def names(desk, *words: str) -> list[str]:
    return [row["paths"][0] for row in desk.rows("review", "queue", *words)]


def test_only_changed_results_wait(done):
    assert set(names(done)) == {SPOTTED, "album/deep.tif"}


def test_what_was_decided_about_does_not_wait(done):
    done.review("approve", SPOTTED, "--by", "Ada")
    done.review("reject", "album/deep.tif", "--by", "Ada", "--reason", "no")

    assert names(done) == []
    assert "Nothing waits" in done.review("queue")[1]


def test_a_noted_result_still_waits(done):
    done.review("note", SPOTTED, "--by", "Ada", "--reason", "look again")

    assert SPOTTED in names(done)


def test_what_one_of_two_has_approved_waits_for_the_other_and_tells_who(done):
    done.settings("[review]\napprovals = 2\n")
    done.review("approve", SPOTTED, "--by", "Ada")

    (row,) = [row for row in done.rows("review", "queue") if row["paths"] == [SPOTTED]]

    assert (row["state"], row["approvals"]) == ("awaiting", ["Ada"])
    assert "(approved by Ada)" in done.review("queue")[1]


def test_the_riskiest_come_first_with_their_reasons(invented):
    rows = invented.rows("review", "queue")

    assert [row["risk"] for row in rows] == sorted((row["risk"] for row in rows), reverse=True)
    assert all(row["reasons"][0]["measure"] == "invented" for row in rows)
    assert "steps that invent content: 1 (sample.colour)" in invented.review("queue")[1]


def test_the_queue_is_cut_where_it_is_asked_to_be(invented):
    assert names(invented, "--limit", "2") == names(invented)[:2]


def test_only_what_a_run_published_can_be_asked_for(invented):
    (run,) = invented.rows("status")[0]["runs"]

    assert len(names(invented, "--run", run["uid"])) == 4
    assert len(names(invented, "--run", "last")) == 4
    code, _, err = invented.review("queue", "--run", "no-such-run")
    assert (code, "there is no run no-such-run" in err) == (2, True)


def test_a_photograph_whose_scan_is_gone_is_named_by_its_output(done):
    (done.scans / SPOTTED).unlink()
    done.run()
    done.review("note", str(done.out / SPOTTED), "--by", "Ada", "--reason", "keep")

    assert f"{SPOTTED} (an output; its scan is gone" in done.review("queue")[1]
    assert SPOTTED in done.review("list")[1]


def test_the_measures_are_listed_with_the_weights_in_force(desk):
    desk.settings("[review]\nweights = { change = 0.25 }\n")

    rows = {row["name"]: row["weight"] for row in desk.rows("review", "measures")}

    assert rows == {one.name: one.weight for one in MEASURES} | {"change": 0.25}
