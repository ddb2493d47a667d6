"""Column types: what goes in comes out, and what no database takes is cleaned or refused."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archivist.catalog import types
from archivist.catalog.uuid7 import uuid7
from archivist.hashing import digest_bytes
from archivist.model import clean_text

DIGESTS = st.binary(max_size=8).map(digest_bytes)


@given(st.lists(DIGESTS, max_size=5))
def test_digests_come_back_in_order(digests):
    assert types.digests_from_bytes(types.digests_to_bytes(digests)) == tuple(digests)


@given(st.datetimes(min_value=datetime(1800, 1, 1), timezones=st.just(UTC)))
def test_an_instant_keeps_its_microseconds(at):
    assert types.from_microseconds(types.to_microseconds(at)) == at


def test_an_instant_of_another_zone_is_the_same_instant():
    there = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=3)))

    assert types.from_microseconds(types.to_microseconds(there)) == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(TypeError):
        types.to_microseconds(datetime(2026, 1, 1))


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "a" * 63])
def test_what_is_no_digest_is_refused(text):
    with pytest.raises(ValueError, match="hex"):
        types.digest_to_bytes(text)


@given(st.text(st.characters(exclude_categories=[])))
def test_clean_text_has_neither_nul_nor_surrogates(text):
    cleaned = clean_text(text)

    assert "\0" not in cleaned
    assert cleaned.encode().decode() == cleaned
    assert len(cleaned) == len(text)


@given(st.text())
def test_text_that_any_database_takes_is_left_as_it_is(text):
    if "\0" not in text:
        assert clean_text(text) == text == types.check_name(text)


def test_json_with_a_backslash_before_u0000_is_left_as_it_is():
    assert types.to_json({"path": "C:\\u0000"}) == '{"path":"C:\\\\u0000"}'


def test_json_keys_are_cleaned_too():
    assert types.to_json({"a\0": ["\0"]}) == '{"a\u2400":["\u2400"]}'


def test_run_names_sort_by_time():
    names = []
    for _ in range(5):
        names.append(uuid7())
        time.sleep(1e-5)  # the names tell 0.25 microseconds apart, clocks need not

    assert names == sorted(names)
    assert all((name.version, name.variant) == (7, uuid.RFC_4122) for name in names)
