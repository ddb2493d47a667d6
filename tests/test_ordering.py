"""The order of names as people count, and what a numbering leaves out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archivist.ordering import gaps, natural_key, numbers_in, told


def test_numbers_in_names_count_as_numbers():
    names = ["f10.tif", "f2.tif", "F1.tif", "f02b.tif"]

    assert sorted(names, key=natural_key) == ["F1.tif", "f2.tif", "f02b.tif", "f10.tif"]


@given(st.lists(st.text(max_size=6), max_size=6))
def test_names_of_any_kind_have_one_order(names):
    backwards = names[::-1]

    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["film/f001.png", "film/f002.png"], [1, 2]),
        (["r2_0010_v1.dpx", "r2_0010_v2.dpx"], [1, 2]),
        (["cover.tif", "page 1.tif"], None),
        (["a1.tif", "b2.tif"], None),
    ],
)
def test_the_last_number_is_the_number_of_a_frame_where_only_it_differs(names, numbers):
    assert numbers_in(names) == numbers


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([1, 2, 3], []),
        ([1, 2, 5, 6, 8], [(3, 4), (7, 7)]),
        ([10, 20, 30, 50], [(40, 40)]),
        ([7], []),
        ([3, 3, 3], []),
    ],
)
def test_gaps_are_what_the_usual_step_leaves_out(numbers, missing):
    assert gaps(numbers) == missing


def test_gaps_are_told_in_words_and_not_all_of_them():
    assert told([(3, 3)]) == "3"
    assert told([(3, 4), (9, 9)]) == "3 to 4 and 9"
    assert told([(n, n) for n in range(1, 9)]) == "1, 2, 3, 4, 5 and 3 more gaps"
