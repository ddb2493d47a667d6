"""Writing directories back so that the offsets inside maker notes stay true.

Maker notes often count their offsets from the head of the Exif block. So directories are written
either on the old block as a canvas, where what did not change stays where it was, or afresh, with
chosen pieces pinned to their old offsets.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from archivist.imaging.metadata.ifd import (
    IFD,
    IFD8,
    LONG,
    LONG8,
    Buffer,
    Directory,
    Entry,
    Order,
    in_order,
    numbers,
)

_MOST = 0xFFFF_FFFF


@dataclass(slots=True)
class Writer:
    """Writes directories at the end of ``block``; ``base`` is the offset of the block's first byte.

    ``canvas`` means that the block is the old one and untouched values stay at their ``home``.
    ``pinned`` are homes of values that already lie in the block although it is a new one.
    """

    block: bytearray
    order: Order
    base: int = 0
    big: bool = False
    canvas: bool = False
    pinned: frozenset[int] = frozenset()

    def write(self, directory: Directory, following: int = 0) -> int:
        """Write a directory with what it leads to; return its offset."""
        directory = in_order(directory, self.order)
        rows = [self._row(entry) for entry in directory.entries]
        head = struct.pack(self.order + ("Q" if self.big else "H"), len(rows))
        link = struct.pack(self.order + ("Q" if self.big else "I"), following)
        table = head + b"".join(rows) + link
        if self.canvas and directory.home is not None and len(table) <= directory.room:
            self.block[directory.home : directory.home + len(table)] = table
            return directory.home
        return self.place(table)

    def place(self, data: bytes) -> int:
        """Put bytes at the end of the block, at an even offset, and return the offset."""
        if (self.base + len(self.block)) % 2:
            self.block += b"\0"
        at = self.base + len(self.block)
        self.block += data
        return at

    def _row(self, entry: Entry) -> bytes:
        inline = 8 if self.big else 4
        kind, count, value = entry.type, entry.count, entry.value
        if entry.broken:
            return struct.pack(self.order + "HHI", entry.tag, kind, count) + value
        if entry.children:
            offsets = [self.write(child) for child in entry.children]
            kind = IFD8 if self.big else {IFD8: IFD, LONG8: LONG}.get(kind, kind)
            count = len(offsets)
            value = struct.pack(f"{self.order}{count}{_code(kind)}", *offsets)
        elif entry.stream is not None:
            value = struct.pack(self.order + "I", self.place_stream(entry))
            kind, count = LONG, 1
        elif not self.big and kind in (LONG8, IFD8):
            kind, value = _narrowed(entry, self.order)
        head = struct.pack(self.order + ("HHQ" if self.big else "HHI"), entry.tag, kind, count)
        if len(value) <= inline:
            return head + value.ljust(inline, b"\0")
        at = self._place_value(dataclasses.replace(entry, value=value))
        return head + struct.pack(self.order + ("Q" if self.big else "I"), at)

    def _place_value(self, entry: Entry) -> int:
        home = entry.home
        if home is not None and home in self.pinned:
            return home
        if home is not None and self.canvas and not entry.children:
            self.block[home : home + len(entry.value)] = entry.value
            return home
        return self.place(entry.value)

    def place_stream(self, entry: Entry) -> int:
        """Put the data of a thumbnail where they were, when nothing changed, else at the end."""
        assert entry.stream is not None
        old = numbers(entry, self.order)[0] if entry.home is not None else 0
        return int(old) if self.canvas and old else self.place(entry.stream)


def _code(kind: int) -> str:
    return "Q" if kind in (LONG8, IFD8) else "I"


def _narrowed(entry: Entry, order: Order) -> tuple[int, bytes]:
    """Return the type and the value of numbers of 64 bits as such of 32, unless they are larger."""
    values = [int(number) for number in numbers(entry, order)]
    if any(value > _MOST for value in values):  # damage, which stays as it is
        return entry.type, entry.value
    return LONG if entry.type == LONG8 else IFD, struct.pack(f"{order}{len(values)}I", *values)


def erased(block: Buffer, ranges: Iterable[tuple[int, int]]) -> bytearray:
    """Return a copy of a block with (offset, size) ranges zeroed, cut where they end the block."""
    out = bytearray(block)
    for start, size in sorted(ranges, reverse=True):
        if start + size >= len(out):
            del out[start:]
        else:
            out[start : start + size] = bytes(size)
    return out
