"""What rights deny and what reviewers ask for, in the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.api.errors import ConfigError
from archivist.model import publication_key
from archivist.plan import Redo, Summary

REASON = "rights 'closed': no generative restoration"


def denied(archive, **acts: str) -> None:
    archive.files = [replace(file, denied=acts) for file in archive.files]


@pytest.fixture
def inventive(archive):
    """An archive whose second step invents content."""
    archive.specs[1] = replace(archive.specs[1], conjectural=True)
    return archive


def test_a_denied_step_is_left_out_and_the_others_are_planned(inventive):
    denied(inventive, generative=REASON)

    assert inventive.told() == [("dust.find", "run", "new"), ("dust.mend", "denied", REASON)]


def test_rights_that_deny_all_restoration_leave_nothing_to_do(archive):
    denied(archive, restoration="rights 'closed': no restoration")
    summary = Summary()

    (unit,) = summary.watch(archive.units())

    assert {str(t.action) for t in unit.files[0].pages[0].tasks} == {"denied"}
    assert (summary.units, summary.denied_assets, summary.idle_assets) == (0, 1, 0)
    assert summary.busy_assets == 0


def test_what_is_denied_is_counted_with_its_reason(inventive):
    denied(inventive, generative=REASON)
    summary = Summary()
    list(summary.watch(inventive.units()))

    assert [(line.step, str(line.action), line.reason, line.count) for line in summary.lines()][
        1
    ] == ("dust.mend", "denied", REASON, 1)


def test_rights_that_deny_something_else_change_nothing(archive):
    denied(archive, reference="not as a reference", colour="no colour")

    assert [action for _, action, _ in archive.told()] == ["run", "follow"]


def test_a_step_that_gives_colour_is_denied_where_colour_is(archive):
    archive.specs[1] = replace(archive.specs[1], adds_colour=True)
    denied(archive, colour="no colour")

    assert archive.told()[1] == ("dust.mend", "denied", "no colour")


def test_a_step_that_reads_what_a_denied_one_makes_is_planned_without_it(inventive):
    inventive.specs[0] = replace(inventive.specs[0], conjectural=True)
    inventive.specs[1] = replace(inventive.specs[1], conjectural=False)
    denied(inventive, generative=REASON)

    assert [action for _, action, _ in inventive.told()] == ["denied", "run"]


def test_a_result_from_before_the_denial_is_published_anew_without_the_denied_step(inventive):
    inventive.finish()
    denied(inventive, generative=REASON)

    assert inventive.told() == [
        ("dust.find", "follow", "another result lies in its place"),
        ("dust.mend", "denied", REASON),
    ]


def test_a_photograph_done_without_its_denied_step_is_up_to_date(inventive):
    inventive.finish()
    denied(inventive, generative=REASON)
    (asset,) = inventive.files[0].assets
    profile, path = inventive_profile(), inventive.files[0].paths[0]
    key = publication_key([asset.uid], profile, path, synthetic=False)
    inventive.past.outputs = {(key, "restored", path)}

    assert [action for _, action, _ in inventive.told()] == ["reuse", "denied"]


def inventive_profile():
    from archivist.model import OutputProfile

    return OutputProfile(name="restored")


def test_to_override_approvals_does_not_override_rights(archive):
    denied(archive, restoration="no restoration")

    assert {action for _, action, _ in archive.told(override=True)} == {"denied"}


# --- reviewers ------------------------------------------------------------------------------


def asked(archive, **params: object) -> None:
    uid = archive.files[0].assets[0].uid
    archive.past.asked = {uid: Redo(params={"dust.find": params}, by="Ada")}


def test_params_that_a_reviewer_asks_for_are_planned_with_the_reason(archive):
    archive.finish()
    asked(archive, threshold=0.6)

    task = archive.tasks()[0]

    assert task.params["threshold"] == 0.6
    assert task.reason == ("param threshold 0.4 -> 0.6; asked for by Ada, who rejected the result")


def test_params_that_a_reviewer_asks_for_stay_in_force_once_done(archive):
    asked(archive, threshold=0.6)
    archive.finish()

    assert {action for _, action, _ in archive.told()} == {"reuse"}


def test_params_that_a_step_does_not_take_any_more_name_who_asked_for_them(archive):
    asked(archive, threshold=7)

    with pytest.raises(ConfigError, match=r"rejected by Ada.*range"):
        archive.told()


def test_a_reference_that_may_lend_nothing_any_more_is_the_reason(similar):
    similar.finish()
    (place,) = [key for key in similar.past.newest if key[1] == "looks.choose"]
    row = similar.past.newest[place]
    gone = ("reference b.tif: withdrawn by Ada",)
    similar.past.newest[place] = replace(row, gone=gone, inputs={"image": "0" * 64})

    similar.raise_version("looks.choose")

    assert similar.told()[1] == (
        "looks.choose",
        "run",
        "version 1 -> 2; reference b.tif: withdrawn by Ada",
    )
