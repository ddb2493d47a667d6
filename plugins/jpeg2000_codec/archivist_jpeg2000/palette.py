"""Palettes (ISO/IEC 15444-1, I.5.3.4 and I.5.3.5): components that are indices into colours."""

from __future__ import annotations

from dataclasses import dataclass

from archivist_jpeg2000 import refuse

_MOST_ENTRIES = 1024
_DIRECT, _MAPPED = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A channel that a palette makes of a component: the sample of each index, and its bits."""

    component: int
    samples: tuple[int, ...]
    bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The channels that a palette makes, in order."""

    columns: tuple[Column, ...]

    @property
    def bits(self) -> int:
        """The bits of its deepest channel."""
        return max(column.bits for column in self.columns)


def read_palette(pclr: bytes, cmap: bytes, components: int) -> Palette:
    """Return the palette of the two boxes. Raises SourceError."""
    entries, columns = int.from_bytes(pclr[:2], "big"), pclr[2] if len(pclr) > 2 else 0
    if not 1 <= entries <= _MOST_ENTRIES or not columns or len(pclr) < 3 + columns:
        raise refuse.damaged("its palette (pclr) is not readable")
    if any(depth & 0x80 or depth > 15 for depth in pclr[3 : 3 + columns]):
        raise refuse.depth("its palette has samples with a sign or of more than 16 bits")
    bits = [depth + 1 for depth in pclr[3 : 3 + columns]]
    table = _table(pclr[3 + columns :], entries, bits)
    if not cmap or len(cmap) % 4:
        raise refuse.damaged("nothing readable says what its palette is for (cmap)")
    made = []
    for at in range(0, len(cmap), 4):
        component, way, column = (
            int.from_bytes(cmap[at : at + 2], "big"),
            cmap[at + 2],
            cmap[at + 3],
        )
        if way == _DIRECT:
            raise refuse.layout("its palette is for some of its components only", refuse.CONVERT)
        if way != _MAPPED or component >= components or column >= columns:
            raise refuse.damaged("its palette is for channels that are not there (cmap)")
        made.append(Column(component=component, samples=table[column], bits=bits[column]))
    return Palette(columns=tuple(made))


def _table(text: bytes, entries: int, bits: list[int]) -> list[tuple[int, ...]]:
    """Return the samples of each column; a file has them entry by entry, in one or two bytes."""
    widths = [1 if depth <= 8 else 2 for depth in bits]
    row = sum(widths)
    if len(text) != entries * row:
        raise refuse.damaged("its palette (pclr) has another length than it says")
    found, start = [], 0
    for width, depth in zip(widths, bits, strict=True):
        places = range(start, len(text), row)
        samples = tuple(int.from_bytes(text[at : at + width], "big") for at in places)
        if max(samples) >> depth:
            raise refuse.damaged(f"its palette has samples of more than {depth} bits")
        found.append(samples)
        start += width
    return found
