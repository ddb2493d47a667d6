"""The boxes of a JP2 file (ISO/IEC 15444-1, Annex I.4), read and written."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from archivist_jpeg2000 import refuse

MOST = 10_000
"""Boxes that are looked at in one place; a file with more was made to waste time."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its type of four bytes, and where in the file its content begins and ends."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two places of a file. Raises SourceError for a lying length.

    LBox is the length with header; 1 says that XLBox of eight bytes follows, 0 that the box reaches
    to the end (I.4).
    """
    for _ in range(MOST):
        if start == end:
            return
        if end - start < 8:
            raise refuse.truncated("it ends inside the header of a box")
        length, kind = struct.unpack_from(">I4s", data, start)
        header = 16 if length == 1 else 8
        if length == 0:
            length = end - start
        elif length == 1 and end - start >= header:
            (length,) = struct.unpack_from(">Q", data, start + 8)
        if length > end - start:
            raise refuse.truncated(
                f"its box {shown(kind)} is {length} bytes long, of which {end - start} are there"
            )
        if length < header:
            raise refuse.damaged(f"its box {shown(kind)} has the impossible length {length}")
        yield Box(kind, start + header, start + length)
        start += length
    raise refuse.damaged(f"it has more than {MOST} boxes in a row")


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box as bytes, with XLBox where its length needs it."""
    length = len(content) + 8
    if length < 1 << 32:
        return struct.pack(">I4s", length, kind) + content
    return struct.pack(">I4sQ", 1, kind, length + 8) + content


def shown(kind: bytes) -> str:
    """Return the type of a box as text, whatever bytes it has."""
    return repr(kind.decode("latin-1"))
