"""The directories of TIFF and Exif (image file directories) as values that are edited."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Order = Literal["<", ">"]
"""Byte order as struct writes it: ``<`` for II, ``>`` for MM."""

Buffer = bytes | bytearray | memoryview
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, IFD, LONG8, IFD8 = 1, 2, 3, 4, 5, 7, 13, 16, 18
SIZES: Mapping[int, int] = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
    129: 1,
}
"""Bytes of one value of a type; 129 is the UTF-8 text of Exif 3.0."""
_WORDS = {**SIZES, 5: 4, 10: 4}
_TOO_LARGE = 1 << 32
THUMBNAIL_OFFSET, THUMBNAIL_LENGTH = 0x201, 0x202


class BrokenDirectory(ValueError):
    """The bytes are no directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One tag. ``value`` holds its bytes in the byte order of the directory.

    ``home`` is where these bytes lay in the block (None: new). ``children`` are the directories a
    pointer tag leads to, ``stream`` the data it leads to (a thumbnail). A ``broken`` entry leads
    out of the file; ``value`` is then the four bytes of the entry itself.
    """

    tag: int
    type: int
    count: int
    value: bytes
    home: int | None = None
    children: tuple[Directory, ...] = ()
    stream: bytes | None = None
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A list of tags. ``name`` is exiftool's name of the group; ``home`` where its table lay."""

    name: str
    order: Order
    entries: tuple[Entry, ...] = ()
    home: int | None = None
    room: int = 0
    """Bytes of the old table, with the link to the next directory."""
    following: int = 0
    """Offset of the next directory of the chain, 0 for none."""

    def get(self, tag: int) -> Entry | None:
        """Return the first entry of a tag."""
        return next((entry for entry in self.entries if entry.tag == tag), None)

    def child(self, tag: int) -> Directory | None:
        """Return the first directory that a pointer tag leads to."""
        entry = self.get(tag)
        return entry.children[0] if entry and entry.children else None

    def with_entry(self, entry: Entry) -> Directory:
        """Return the directory with this entry in the place of those of the same tag."""
        return self.with_entries([entry])

    def with_entries(self, entries: Sequence[Entry]) -> Directory:
        """Return the directory with these entries in the place of those of the same tags.

        A tag may be there twice: some programs write two descriptions.
        """
        tags = {entry.tag for entry in entries}
        others = [old for old in self.entries if old.tag not in tags]
        ordered = sorted([*others, *entries], key=lambda item: item.tag)
        return dataclasses.replace(self, entries=tuple(ordered))

    def without(self, *tags: int) -> Directory:
        """Return the directory without some tags."""
        left = tuple(entry for entry in self.entries if entry.tag not in tags)
        return dataclasses.replace(self, entries=left)

    def with_child(self, tag: int, child: Directory) -> Directory:
        """Return the directory with another first directory behind a pointer tag."""
        entry = self.get(tag)
        kind = entry.type if entry else LONG
        rest = entry.children[1:] if entry else ()
        fresh = Entry(tag=tag, type=kind, count=1 + len(rest), value=b"", children=(child, *rest))
        return self.with_entry(fresh)


# --- values ---------------------------------------------------------------------------------


def numbers(entry: Entry, order: Order) -> tuple[float, ...]:
    """Return the numbers of an entry; a rational is a quotient, 0 when its denominator is 0."""
    data = entry.value
    if entry.type in (5, 10):
        code = "I" if entry.type == RATIONAL else "i"
        pairs = struct.unpack(f"{order}{len(data) // 4}{code}", data)
        return tuple(n / d if d else 0.0 for n, d in zip(pairs[::2], pairs[1::2], strict=True))
    code = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}.get(
        entry.type, {16: "Q", 17: "q", 18: "Q"}.get(entry.type, "B")
    )
    return struct.unpack(f"{order}{len(data) // SIZES.get(entry.type, 1)}{code}", data)


def text(entry: Entry) -> str:
    """Return the text of an entry without the NUL at its end."""
    return entry.value.split(b"\0")[0].decode("utf-8", "replace").strip()


def whole(tag: int, value: int, order: Order, kind: int = LONG) -> Entry:
    """Make an entry of one whole number; SHORT becomes LONG when the number needs it."""
    kind = LONG if kind not in (SHORT, LONG) or value > 0xFFFF else kind
    packed = struct.pack(order + ("H" if kind == SHORT else "I"), value)
    return Entry(tag=tag, type=kind, count=1, value=packed)


def rational(tag: int, value: float, order: Order) -> Entry:
    """Make an entry of one rational, exact to a ten-thousandth where the number leaves room.

    Raises ValueError for a negative number or one that does not fit.
    """
    below = 1 if float(value).is_integer() else 10000
    while value * below >= _TOO_LARGE and below > 1:
        below //= 10
    above = round(value * below)
    if not 0 <= above < _TOO_LARGE:
        raise ValueError(f"{value} does not fit into a rational")
    return Entry(tag=tag, type=RATIONAL, count=1, value=struct.pack(order + "II", above, below))


def ascii_text(tag: int, value: str) -> Entry:
    """Make an entry of text with its closing NUL."""
    data = value.encode("utf-8") + b"\0"
    return Entry(tag=tag, type=ASCII, count=len(data), value=data)


def in_order(directory: Directory, order: Order) -> Directory:
    """Return the directory with its values in another byte order (UNDEFINED stays as it is)."""
    if directory.order == order:
        return directory
    entries = tuple(
        dataclasses.replace(
            entry,
            value=entry.value if entry.broken else swapped(entry.value, entry.type),
            children=tuple(in_order(child, order) for child in entry.children),
        )
        for entry in directory.entries
    )
    return dataclasses.replace(directory, order=order, entries=entries)


def swapped(value: bytes, kind: int) -> bytes:
    """Return the bytes of values of a type in the other byte order."""
    word = _WORDS.get(kind, 1)
    if word == 1 or len(value) % word:
        return value
    return b"".join(value[at : at + word][::-1] for at in range(0, len(value), word))


# --- walking ------------------------------------------------------------------------------------


def walk(directory: Directory) -> Iterator[tuple[Directory, Entry]]:
    """Yield every entry with its directory, depth first; pointers before what they lead to."""
    for entry in directory.entries:
        yield directory, entry
        for child in entry.children:
            yield from walk(child)


def ranges(entries: Sequence[Entry], order: Order, inline: int = 4) -> Iterator[tuple[int, int]]:
    """Yield (offset, size) of the bytes that entries own outside their table."""
    for entry in entries:
        if entry.home is not None and len(entry.value) > inline:
            yield entry.home, len(entry.value)
        if entry.home is not None and entry.stream:
            yield int(numbers(entry, order)[0]), len(entry.stream)
