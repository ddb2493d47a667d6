import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archivist.hashing import canonical_json, digest_file

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number % 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text('abé\n"\\1'), inner)
)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Print:
    width: float
    colour: Colour
    made: datetime
    facts: dict = field(default_factory=dict)


@given(values)
def test_canonical_json_is_what_json_writes_with_sorted_keys_and_no_blanks(value):
    meant = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_json(value) == meant.encode()


def test_a_dataclass_is_the_table_of_its_fields():
    made = datetime(1900, 5, 1, 12, tzinfo=UTC)
    facts = {"made": "1900-05-01T12:00:00.000000+00:00", "width": 9.5, "facts": {"1": [2]}}
    value = Print(width=9.5, colour=Colour.RED, made=made, facts={1: (2,)})
    assert json.loads(canonical_json(value)) == facts | {"colour": "red"}


def test_a_whole_float_is_the_integer_of_its_value():
    assert canonical_json([0.0, -0.0, 1e16]) == canonical_json([0, 0, 10**16])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_what_is_no_number_has_no_digest(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, np.zeros(2)])
def test_what_json_does_not_have_is_refused(value):
    with pytest.raises(TypeError):
        canonical_json({"key": value})


def test_a_byte_of_a_path_that_is_not_utf_8_is_written_as_it_is():
    assert canonical_json("a\udcff") == b'"a\xff"'


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 200_000])
def test_a_file_has_the_digest_of_its_content(tmp_path, size):
    data = np.random.default_rng(size).bytes(size)
    (tmp_path / "scan").write_bytes(data)
    assert digest_file(tmp_path / "scan") == hashlib.sha256(data).hexdigest()
