from __future__ import annotations

from archivist.model import Status
from archivist.report.rows import Result
from archivist.report.tally import Chosen, tally


def test_time_is_summed_per_step_without_reused_results(rows, asset, step):
    rows.listed = [
        asset("a.jpg", steps=(step(seconds=2.0),)),
        asset("b.jpg", steps=(step(seconds=4.0),)),
        asset("c.jpg", steps=(step(seconds=9.0, status=Status.REUSED),)),
    ]
    (total,) = tally(rows).steps
    assert (total.seconds, total.mean) == (6.0, 3.0)
    assert total.counts[Status.REUSED] == 1


def test_steps_come_in_the_order_of_the_recipe(rows, asset, step):
    rows.listed = [asset(steps=(step(ordinal=1, step="b"), step(ordinal=0, step="z")))]
    assert [total.step for total in tally(rows).steps] == ["z", "b"]


def test_the_outputs_of_a_file_with_pages_are_counted_once(rows, asset, file):
    pages = [asset("a.tif", page=n, pages=3, files=(file(size=10),)) for n in range(3)]
    rows.listed = pages
    counts = tally(rows)
    assert (counts.output_files, counts.output_bytes) == (1, 10)


def test_an_output_that_is_a_byte_copy_counts_as_unchanged(asset, file):
    assert asset(files=(file(untouched=True),)).result is Result.UNCHANGED


def test_one_changed_output_is_enough_to_count_as_restored(asset, file):
    both = (file(untouched=True), file(untouched=False))
    assert asset(files=both).result is Result.RESTORED


def test_choosing_holds_no_more_than_its_limit(asset):
    chosen = Chosen(3)
    for n in range(50):
        chosen.offer(asset(f"{n}.jpg", changed=(n * 7 % 50) / 50))
    assert [a.changed for a in chosen.assets()] == [0.98, 0.96, 0.94]
    assert chosen.candidates == 50


def test_equal_photographs_are_chosen_in_their_order(asset):
    chosen = Chosen(2)
    for n in range(5):
        chosen.offer(asset(f"{n}.jpg"))
    assert [a.path for a in chosen.assets()] == ["0.jpg", "1.jpg"]


def test_failed_photographs_are_not_chosen_for_pictures(failed):
    chosen = Chosen(2)
    chosen.offer(failed())
    assert chosen.assets() == []
