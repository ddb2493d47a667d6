"""Read a CSV as people's spreadsheets write it, and say exactly where it is wrong."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from archivist.api.errors import ConfigError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_AS_UTF8 = "Cure: save it again as 'CSV UTF-8'"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the line of the file where it begins (the header is line 1), and cells by column."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV: columns as normalised names, rows without the blank ones."""

    columns: tuple[str, ...]
    rows: list[Row]


def read_table(path: Path, *, aliases: Mapping[str, str]) -> Table:
    """Read a CSV with a header line. Column names become lower case with underscores.

    ``aliases`` gives other names of columns. Cells lose blanks around them. Raises ConfigError.
    """
    where = str(path)
    text = _decoded(path, where)
    first_line = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=_delimiter(first_line, where), strict=True
    )
    lines = _numbered(reader, where)
    _, header = next(lines, (1, []))
    columns = _columns(header, aliases, where)
    rows = [Row(line, _cells(columns, cells, line, where)) for line, cells in lines]
    return Table(columns=columns, rows=rows)


def _decoded(path: Path, where: str) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the file cannot be read ({error.strerror}). Cure: check its path and permissions",
            where=where,
        ) from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError(f"the file is UTF-16, not UTF-8. {_AS_UTF8}", where=where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise ConfigError(
            f"line {line}, byte {column}: {data[error.start : error.start + 1]!r} is not UTF-8. "
            f"{_AS_UTF8}",
            where=where,
        ) from error
    if not text.strip():
        raise ConfigError("the file is empty. Cure: give it a header line and rows", where=where)
    return text


def _delimiter(header: str, where: str) -> str:
    """Return the separator that occurs most often in the header line, outside quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    counts = Counter(letter for letter in bare if letter in DELIMITERS)
    if not counts:
        raise ConfigError(
            f"line 1: no comma, semicolon or tab separates the columns: {header.strip()[:60]!r}. "
            "Cure: save it as CSV with one of these separators and at least two columns",
            where=where,
        )
    return counts.most_common(1)[0][0]


class _Reader(Protocol):
    """What csv.reader returns."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...


def _numbered(reader: _Reader, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank with the line where it begins: cells may hold newlines."""
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(
            f"line {line}: {error}. Cure: write a quote inside a quoted cell twice, "
            "and close every quote",
            where=where,
        ) from error


def _columns(header: list[str], aliases: Mapping[str, str], where: str) -> tuple[str, ...]:
    names = [re.sub(r"[\s\-.]+", "_", name.lower()) for name in header]
    columns = [aliases.get(name, name) for name in names]
    for number, name in enumerate(columns, start=1):
        if not name:
            raise ConfigError(
                f"line 1: column {number} has no name. Cure: name it, or delete the column",
                where=where,
            )
        if name in columns[: number - 1]:
            first = columns.index(name) + 1
            raise ConfigError(
                f"line 1: columns {first} and {number} are both {name!r}. Cure: rename one",
                where=where,
                key=name,
            )
    return tuple(columns)


def _cells(columns: tuple[str, ...], cells: list[str], line: int, where: str) -> dict[str, str]:
    if len(cells) != len(columns):
        raise ConfigError(
            f"line {line} has {len(cells)} cells, the header has {len(columns)} columns. "
            "Cure: put a cell that holds the separator in double quotes, and fill up missing cells",
            where=where,
            key=columns[min(len(cells), len(columns) - 1)],
        )
    return dict(zip(columns, cells, strict=True))
