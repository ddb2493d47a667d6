"""Writing an Exif block: on the old one, so that what did not change stays where it was, or new."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable

from archivist.imaging.metadata.ifd import BrokenDirectory, Directory, Order, ranges, walk
from archivist.imaging.metadata.ifd_read import Reader
from archivist.imaging.metadata.ifd_write import Writer, erased

EXIF_POINTER, MAKER_NOTE = 34665, 37500
_NEAR = 8192
"""A maker note this near to the head of its file can keep its place in a new block."""
_FARTHEST = 1 << 20
"""A maker note keeps its offset in a TIFF file when it ended within this many bytes."""


def rewritten(
    block: bytes,
    before: tuple[Directory | None, Directory | None],
    after: tuple[Directory | None, Directory | None],
) -> bytes:
    """Return an Exif block with other first and second directories (``before`` and ``after``).

    Values that did not change keep their places, maker notes with them; replaced values are erased.
    """
    first, second = after
    if before == after or first is None:
        return block
    order = first.order
    old, live = (
        {pair for directory in pair_of if directory for pair in _ranges(directory)}
        for pair_of in (before, after)
    )
    writer = Writer(erased(block, _apart(old - live, live)), order, canvas=True)
    link = writer.write(second, second.following) if second is not None else 0
    start = writer.write(first, link)
    struct.pack_into(order + "I", writer.block, 4, start)
    return bytes(writer.block)


def read_block(block: bytes) -> tuple[Directory, Directory | None]:
    """Return the first and second directory of an Exif block. Raises BrokenDirectory.

    A second directory that cannot be read is taken for none.
    """
    reader = Reader.of(block)
    first = reader.read(reader.first(), "IFD0")
    if not first.following or first.following in reader.seen:
        return first, None
    try:
        return first, reader.read(first.following, "IFD1")
    except BrokenDirectory:
        return first, None


def fresh(first: Directory, order: Order, second: Directory | None = None) -> tuple[bytes, bool]:
    """Return a new Exif block of directories, and whether their maker note kept its place."""
    block = bytearray({"<": b"II*\0", ">": b"MM\0*"}[order] + bytes(4))
    note = maker_note(first)
    pinned: frozenset[int] = frozenset()
    if note is not None and note[0] >= len(block) and note[0] <= _NEAR:
        block += bytes(note[0] - len(block)) + note[1]
        pinned = frozenset({note[0]})
    writer = Writer(block, order, pinned=pinned)
    link = writer.write(homeless(second)) if second is not None else 0
    start = writer.write(homeless(first, pinned), link)
    struct.pack_into(order + "I", writer.block, 4, start)
    return bytes(writer.block), note is None or bool(pinned)


def maker_note(first: Directory) -> tuple[int, bytes] | None:
    """Return (old offset, bytes) of the maker note below a first directory."""
    exif = first.child(EXIF_POINTER)
    entry = exif.get(MAKER_NOTE) if exif is not None else None
    if entry is None or entry.home is None or entry.broken or len(entry.value) <= 8:
        return None
    return entry.home, entry.value


def pinned_note(first: Directory) -> tuple[int, bytes] | None:
    """Return (offset, bytes) of a maker note that can keep its offset in a TIFF file, else None."""
    note = maker_note(first)
    near = note is not None and note[0] >= 16 and note[0] + len(note[1]) <= _FARTHEST
    return note if near else None


def homeless(directory: Directory, pinned: frozenset[int] = frozenset()) -> Directory:
    """Return a directory whose values have no old places, but for a maker note that is pinned."""
    entries = tuple(
        dataclasses.replace(
            entry,
            home=entry.home if entry.tag == MAKER_NOTE and entry.home in pinned else None,
            children=tuple(homeless(child, pinned) for child in entry.children),
        )
        for entry in directory.entries
    )
    return dataclasses.replace(directory, entries=entries, home=None, room=0)


def _ranges(directory: Directory) -> Iterable[tuple[int, int]]:
    return ranges([entry for _, entry in walk(directory)], directory.order)


def _apart(dead: set[tuple[int, int]], live: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the dead ranges that overlap no live one: broken files share bytes."""
    return [
        (start, size)
        for start, size in dead
        if not any(start < at + length and at < start + size for at, length in live)
    ]
