"""How a sequence is planned: in spans, by turns, with what rests left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.api.values import Colour
from archivist.model import Action, Asset, FileWork, Header, PageWork, Task, WorkUnit
from archivist.plan import PlannedSequence, looks_back
from archivist.plan.sequences import SPAN_FILES, in_turns, spans

REST, WORK, PINNED = Action.REUSE, Action.FOLLOW, Action.PINNED


def frame(number: int, action: Action, seconds: float = 0.1) -> WorkUnit:
    uid = f"f{number}"
    header = Header(format="png", width=4, height=3, colour=Colour.GREY, depth=8)
    task = Task(
        asset=uid, ordinal=0, step="film.calm", version=1, params={}, action=action, reason=""
    )
    page = PageWork(asset=Asset(digest=uid, page=0, pages=1, header=header), tasks=(task,))
    file = FileWork(digest=uid, paths=(f"{uid}.png",), pages=(page,))
    return WorkUnit(uid=uid, files=(file,), seconds=seconds)


def cut(*actions: Action, seconds: float = 0.1) -> list[list[str]]:
    """Return the frames of each unit."""
    units = (frame(number, action, seconds) for number, action in enumerate(actions, 1))
    return [[file.digest for file in unit.files] for unit in spans("reel", units)]


def test_a_span_ends_after_so_many_files():
    first, second = cut(*[WORK] * (SPAN_FILES + 3))

    assert (len(first), len(second)) == (SPAN_FILES, 3)


def test_a_span_of_slow_frames_has_few():
    assert cut(WORK, WORK, WORK, seconds=6) == [["f1", "f2"], ["f3"]]


def test_a_span_begins_with_the_frame_at_rest_before_it():
    assert cut(REST, REST, WORK, WORK) == [["f1"], ["f2", "f3", "f4"]]


def test_frames_at_rest_after_the_work_are_units_of_their_own_or_part_of_the_span():
    assert cut(WORK, REST, PINNED) == [["f1", "f2", "f3"]]
    assert cut(REST, PINNED) == [["f1"], ["f2"]]


def test_no_frame_is_lost_or_twice():
    actions = [REST, WORK, REST, REST, WORK, PINNED, WORK] * 20
    frames = [name for unit in cut(*actions) for name in unit]

    assert frames == [f"f{n}" for n in range(1, len(actions) + 1)]


def test_spans_of_one_sequence_have_names_of_their_own():
    units = list(spans("reel", (frame(n, WORK, seconds=40) for n in range(3))))

    assert [unit.uid for unit in units] == [f"sequence reel {n}" for n in (1, 2, 3)]
    assert {unit.sequence for unit in units} == {"reel"}


def test_streams_come_by_turns_and_a_new_one_when_one_has_ended():
    lines = [iter("ab"), iter("c"), iter("de")]

    assert "".join(in_turns(iter(lines), at_once=2)) == "acbde"


def test_only_a_step_that_reads_its_last_result_looks_back(film, archive):
    calm = film.specs[0]

    assert looks_back([calm])
    assert not looks_back([replace(calm, inputs=[calm.inputs[0]])])


def test_files_of_sequences_come_after_all_others(film):
    film.files = [replace(film.sequences[0].files[0], digest="9" * 64, paths=("album/a.tif",))]

    assert [unit.sequence for unit in film.units()] == [None, "reel 1"]


def test_a_frame_of_another_size_does_not_wait_for_the_one_before(film):
    first, second, third = film.sequences[0].files
    (asset,) = second.assets
    larger = replace(asset, header=replace(asset.header, width=999))
    film.sequences = [
        PlannedSequence(name="reel 1", files=[first, replace(second, assets=(larger,)), third])
    ]

    assert [action for _, action, _ in film.told()] == ["run", "run", "run"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_result_that_was_not_kept_is_not_waited_for(film, kept):
    first, second, _ = film.sequences[0].files
    film.sequences = [PlannedSequence(name="reel 1", files=[first])]
    film.finish(kept=kept)
    film.sequences = [PlannedSequence(name="reel 1", files=[first, second])]
    alone, after = film.tasks()

    assert alone.action is Action.REUSE
    film.sequences = [PlannedSequence(name="reel 1", files=[second])]
    assert (after.key == film.tasks()[0].key) is not kept
