"""What the plan says about steps: new, changed, up to date, pinned."""

from __future__ import annotations


def test_a_new_scan_runs_its_first_step_and_the_rest_follows(archive):
    assert archive.told() == [
        ("dust.find", "run", "new"),
        ("dust.mend", "follow", "follows dust.find"),
    ]


def test_a_finished_scan_needs_nothing(archive):
    archive.finish()

    assert {action for _, action, _ in archive.told()} == {"reuse"}


def test_a_new_version_of_a_step_runs_it_and_what_follows(archive):
    archive.finish()
    archive.raise_version("dust.find")

    assert archive.told() == [
        ("dust.find", "run", "version 1 -> 2"),
        ("dust.mend", "follow", "follows dust.find"),
    ]


def test_a_new_version_of_a_later_step_leaves_the_earlier_one_alone(archive):
    archive.finish()
    archive.raise_version("dust.mend")

    assert archive.told() == [
        ("dust.find", "reuse", "up to date"),
        ("dust.mend", "run", "version 1 -> 2"),
    ]


def test_a_following_step_carries_its_last_result_so_that_an_unchanged_input_reuses_it(archive):
    archive.finish()
    archive.raise_version("dust.find")

    page = archive.units()[0].files[0].pages[0]

    mended = archive.past.newest[page.asset.uid, "dust.mend"].result
    assert mended in page.known


def test_a_changed_param_is_named_with_its_old_and_new_value(archive):
    archive.finish()
    archive.params = {"dust.find": {"threshold": 0.5}}

    assert archive.told()[0] == ("dust.find", "run", "param threshold 0.4 -> 0.5")


def test_changed_weights_are_named(archive):
    archive.weights = ["a" * 64]
    archive.finish()
    archive.weights = ["b" * 64]

    assert archive.told()[0] == ("dust.find", "run", "weights changed")


def test_a_scan_whose_content_was_replaced_says_so(archive):
    archive.past.changed = {"album/a.tif"}

    assert archive.told()[0] == ("dust.find", "run", "input changed")


def test_an_asset_that_failed_is_tried_again(archive):
    archive.past.failed = {"a" * 64: "out-of-memory"}

    assert archive.told()[0] == ("dust.find", "run", "failed last time: out-of-memory")


def test_an_approved_result_is_not_planned_again(archive):
    archive.finish()
    archive.raise_version("dust.find")
    archive.past.approved = {"a" * 64}

    assert {action for _, action, _ in archive.told()} == {"pinned"}


def test_an_approved_result_is_planned_again_when_that_is_asked_for(archive):
    archive.finish()
    archive.raise_version("dust.find")
    archive.past.approved = {"a" * 64}

    assert archive.told(override=True)[0] == ("dust.find", "run", "version 1 -> 2")


def test_a_missing_output_is_published_again_without_running_a_step(archive):
    archive.finish()
    archive.past.outputs.clear()

    assert archive.told()[-1] == ("dust.mend", "follow", "its output is missing or was changed")
    assert archive.told()[0][1] == "reuse"


def test_a_renamed_scan_is_published_under_its_new_name_and_the_plan_says_so(archive):
    archive.finish()
    (lying,) = archive.past.outputs
    archive.past.outputs = {(lying[0], lying[1], "album/old.tif")}

    assert archive.told()[-1] == ("dust.mend", "follow", "not published under this name yet")


def test_a_scan_in_whose_place_an_approved_result_lies_is_held(archive):
    archive.past.occupied = {"album/a.tif"}

    assert {action for _, action, _ in archive.told()} == {"held"}
    assert {action for _, action, _ in archive.told(override=True)} == {"run", "follow"}


def test_a_result_that_was_not_kept_is_made_again_when_a_later_step_needs_it(archive):
    archive.finish(kept=False)
    archive.raise_version("dust.mend")

    assert archive.told()[0] == ("dust.find", "run", "its earlier result was not kept in the store")


def test_a_short_sequence_is_one_unit_in_its_order(film):
    (unit,) = film.units()

    assert unit.sequence == "reel 1"
    assert [file.paths[0] for file in unit.files] == ["film/1.tif", "film/2.tif", "film/3.tif"]


def test_a_later_frame_follows_the_frame_before_it(film):
    actions = [(str(t.action), t.reason) for t in film.tasks()]

    assert actions[0] == ("run", "new")
    assert actions[1][0] == "follow"
