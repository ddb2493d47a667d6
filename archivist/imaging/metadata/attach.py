"""Putting the tags of TIFF pages into a finished file.

No encoder writes the directories below a page (Exif, GPS, Interop) or tags of any type as they
were. So the pages' own directories are written anew behind the pixels: what the encoder says of
the samples, and what was carried over. The maker note of the first page is given the offset that
it had, for which the pixels make room, so that the offsets inside it stay true.
"""

from __future__ import annotations

import dataclasses
import mmap
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from archivist.imaging.metadata.blocks import homeless, pinned_note
from archivist.imaging.metadata.ifd import (
    LONG,
    LONG8,
    Buffer,
    Directory,
    Entry,
    in_order,
    numbers,
)
from archivist.imaging.metadata.ifd_read import Reader
from archivist.imaging.metadata.ifd_write import Writer

_OFFSETS = (273, 324)
"""StripOffsets and TileOffsets."""
_BLOCK = 1 << 22


def attach(path: Path, pages: Sequence[Directory | None]) -> None:
    """Write the tags of all pages of a TIFF file into it; None leaves a page as it is.

    Tags given here take the place of the encoder's. Raises OSError, and ValueError for a file that
    is no TIFF or has another number of pages.
    """
    note = pinned_note(pages[0]) if pages and pages[0] is not None else None
    with path.open("r+b") as stream:
        shift = _make_room(stream, *note) if note is not None else 0
        size = stream.seek(0, 2)
        with _mapped(stream, shift) as data:
            reader = Reader.of(data)
            found = [reader.read(at, "IFD0") for at in reader.chain()]
        if len(found) != len(pages):
            raise ValueError(f"the file has {len(found)} pages, not {len(pages)}")
        found = [_shifted(page, shift) for page in found]
        homes = {entry.home for page in found for entry in page.entries if entry.home is not None}
        kept = frozenset({note[0]} if note is not None else ())
        writer = Writer(
            bytearray(), reader.order, base=size, big=reader.big, pinned=frozenset(homes) | kept
        )
        start = 0
        for page, carried in reversed(list(zip(found, pages, strict=True))):
            start = writer.write(_merged(page, carried, kept), start)
        stream.seek(size)
        stream.write(writer.block)
        stream.seek(8 if reader.big else 4)
        stream.write(struct.pack(reader.order + ("Q" if reader.big else "I"), start))


def _merged(page: Directory, carried: Directory | None, pinned: frozenset[int]) -> Directory:
    if carried is None:
        return page
    own = homeless(carried, pinned)
    return page.with_entries(in_order(own, page.order).entries)


@contextmanager
def _mapped(stream: BinaryIO, start: int) -> Iterator[memoryview]:
    with (
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        memoryview(data)[start:] as view,
    ):
        yield view


def _make_room(stream: BinaryIO, at: int, value: Buffer) -> int:
    """Move a whole file backwards, so that a value lies at an offset before it; return by how much.

    The old file stays readable from there; a copy of its header is put at the beginning.
    """
    size = stream.seek(0, 2)
    shift = -(-(at + len(value)) // 16) * 16
    position = size
    while position > 0:
        length = min(_BLOCK, position)
        position -= length
        stream.seek(position)
        block = stream.read(length)
        stream.seek(position + shift)
        stream.write(block)
    stream.seek(0)
    stream.write(block[:16].ljust(at, b"\0") + value)
    stream.write(bytes(shift - at - len(value)))
    stream.flush()
    return shift


def _shifted(page: Directory, shift: int) -> Directory:
    entries = (_moved(entry, shift, page) if shift else entry for entry in page.entries)
    return dataclasses.replace(page, entries=tuple(entries))


def _moved(entry: Entry, shift: int, page: Directory) -> Entry:
    if entry.tag in _OFFSETS:
        values = [int(value) + shift for value in numbers(entry, page.order)]
        code, kind = ("Q", LONG8) if entry.type == LONG8 else ("I", LONG)
        packed = struct.pack(f"{page.order}{len(values)}{code}", *values)
        return Entry(tag=entry.tag, type=kind, count=len(values), value=packed)
    home = None if entry.home is None else entry.home + shift
    return dataclasses.replace(entry, home=home)
