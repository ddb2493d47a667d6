"""Reading the directories of TIFF, BigTIFF and Exif blocks, whole or damaged."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from archivist.imaging.metadata.ifd import (
    IFD,
    IFD8,
    LONG,
    LONG8,
    SHORT,
    SIZES,
    THUMBNAIL_LENGTH,
    THUMBNAIL_OFFSET,
    BrokenDirectory,
    Buffer,
    Directory,
    Entry,
    Order,
    numbers,
)

_POINTERS = {34665: "ExifIFD", 34853: "GPS", 40965: "InteropIFD", 330: "SubIFD"}
_MAX_ENTRIES = 1024
_MAX_DEPTH = 4


@dataclass(slots=True)
class Reader:
    """Reads directories from a block; ``big`` is BigTIFF."""

    data: Buffer
    order: Order
    big: bool = False
    seen: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, data: Buffer) -> Reader:
        """Make a reader for a TIFF or Exif block. Raises BrokenDirectory."""
        orders: dict[bytes, Order] = {b"II": "<", b"MM": ">"}
        order = orders.get(bytes(data[:2]))
        if order is None or len(data) < 8:
            raise BrokenDirectory("no TIFF header")
        magic = struct.unpack(order + "H", data[2:4])[0]
        return cls(data, order, big=magic == 43)

    def first(self) -> int:
        """Return the offset of the first directory. Raises BrokenDirectory."""
        return self._unpack("Q", 8) if self.big else self._unpack("I", 4)

    def chain(self, limit: int = 65536) -> Iterator[int]:
        """Yield the offsets of the directories of the main chain, without following loops."""
        at, seen = self.first(), set[int]()
        while at and at not in seen and len(seen) < limit:
            seen.add(at)
            yield at
            count = self._unpack("Q" if self.big else "H", at)
            link = at + (8 + 20 * count if self.big else 2 + 12 * count)
            try:
                at = self._unpack("Q" if self.big else "I", link)
            except BrokenDirectory:  # a file cut short after the last table: some writers do so
                return

    def number(self, at: int, tag: int) -> int | None:
        """Return a single whole number of the directory at an offset, None when it has none."""
        head, size = (8, 20) if self.big else (2, 12)
        for index in range(min(self._unpack("Q" if self.big else "H", at), _MAX_ENTRIES)):
            row = at + head + size * index
            found, kind = self._unpack("H", row), self._unpack("H", row + 2)
            if found == tag:
                code = {SHORT: "H", LONG: "I"}.get(kind)
                return self._unpack(code, row + (12 if self.big else 8)) if code else None
        return None

    def read(self, at: int, name: str, depth: int = 0) -> Directory:
        """Read the directory at an offset with what it leads to. Raises BrokenDirectory."""
        self.seen.add(at)
        head, size = (8, 20) if self.big else (2, 12)
        count = self._unpack("Q" if self.big else "H", at)
        if not 0 < count <= _MAX_ENTRIES or at + head + size * count > len(self.data):
            raise BrokenDirectory(f"a directory of {count} entries at {at}")
        entries = [self._entry(at + head + size * number, depth) for number in range(count)]
        if count > 4 and sum(entry.broken for entry in entries) * 2 > count:
            raise BrokenDirectory(f"most entries of the directory at {at} lead nowhere")
        link = at + head + size * count
        try:
            following = self._unpack("Q" if self.big else "I", link)
        except BrokenDirectory:
            following = 0
        directory = Directory(
            name=name,
            order=self.order,
            entries=tuple(entries),
            home=at,
            room=head + size * count + (8 if self.big else 4),
            following=following,
        )
        return self._with_thumbnail(directory)

    def _entry(self, at: int, depth: int) -> Entry:
        inline = 8 if self.big else 4
        tag, kind = struct.unpack_from(self.order + "HH", self.data, at)
        count = self._unpack("Q" if self.big else "I", at + 4)
        place = at + 4 + inline
        raw = bytes(self.data[place : place + inline])
        size = SIZES.get(kind, 0) * count
        home = place if size <= inline else self._unpack("Q" if self.big else "I", place)
        if kind not in SIZES or home + size > len(self.data):
            return Entry(tag=tag, type=kind, count=count, value=raw, broken=True)
        value = bytes(self.data[home : home + size])
        entry = Entry(tag=tag, type=kind, count=count, value=value, home=home)
        leads = kind in (IFD, IFD8) or (tag in _POINTERS and kind in (LONG, LONG8))
        if leads and depth < _MAX_DEPTH:
            return dataclasses.replace(entry, children=tuple(self._children(entry, depth)))
        return entry

    def _children(self, entry: Entry, depth: int) -> Iterator[Directory]:
        for number in numbers(entry, self.order):
            at = int(number)
            if at in self.seen or not 8 <= at < len(self.data):
                continue
            try:
                yield self.read(at, _POINTERS.get(entry.tag, f"IFD{entry.tag}"), depth + 1)
            except BrokenDirectory:
                continue

    def _with_thumbnail(self, directory: Directory) -> Directory:
        offset, length = directory.get(THUMBNAIL_OFFSET), directory.get(THUMBNAIL_LENGTH)
        if not offset or not length or offset.broken or length.broken:
            return directory
        start, size = int(numbers(offset, self.order)[0]), int(numbers(length, self.order)[0])
        if not 0 < start < len(self.data):
            return directory
        stream = bytes(self.data[start : start + size])
        return directory.with_entry(dataclasses.replace(offset, stream=stream))

    def _unpack(self, code: str, at: int) -> int:
        try:
            return int(struct.unpack_from(self.order + code, self.data, at)[0])
        except struct.error as error:
            raise BrokenDirectory(f"the block ends before offset {at}") from error
