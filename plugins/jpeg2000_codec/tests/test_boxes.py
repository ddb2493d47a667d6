"""Boxes are found by their lengths, and lengths that lie are refused."""

from __future__ import annotations

import struct

import pytest

from archivist.api import SourceError
from archivist_jpeg2000.boxes import MOST, Box, box, boxes


def found(data: bytes) -> list[Box]:
    return list(boxes(data, 0, len(data)))


def test_a_long_length_and_one_to_the_end_are_understood():
    long = struct.pack(">I4sQ", 1, b"long", 19) + b"abc"
    last = struct.pack(">I4s", 0, b"last") + b"rest"
    assert found(long + last) == [Box(b"long", 16, 19), Box(b"last", 27, 31)]


@pytest.mark.parametrize("length", [2, 7])
def test_a_length_shorter_than_its_header_is_damage(length):
    with pytest.raises(SourceError, match="impossible length"):
        found(struct.pack(">I4s", length, b"tiny") + bytes(20))


@pytest.mark.parametrize("length", [0, 15])
def test_a_long_length_shorter_than_its_header_is_damage(length):
    with pytest.raises(SourceError, match="impossible length"):
        found(struct.pack(">I4sQ", 1, b"tiny", length) + bytes(20))


@pytest.mark.parametrize(
    "data", [b"\0\0\0", struct.pack(">I4s", 1, b"long"), box(b"cut ", b"ab")[:-1]]
)
def test_a_box_that_is_not_all_there_is_told(data):
    with pytest.raises(SourceError) as caught:
        found(data)
    assert caught.value.code in ("truncated", "damaged")


def test_a_length_beyond_all_measure_is_told():
    with pytest.raises(SourceError, match="of which 16 are there"):
        found(struct.pack(">I4sQ", 1, b"huge", 2**64 - 1))


def test_boxes_without_end_are_refused():
    with pytest.raises(SourceError, match="more than"):
        found(box(b"free", b"") * (MOST + 1))
