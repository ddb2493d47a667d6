"""The manifest: a CSV with what the institution knows about its scans."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from archivist.api.errors import ConfigError
from archivist.scan.table import Row, read_table

PATH, INVENTORY = "path", "inventory_no"
_ALIASES = {
    "file": PATH,
    "filename": PATH,
    "file_name": PATH,
    "filepath": PATH,
    "inventory": INVENTORY,
    "inventory_number": INVENTORY,
    "inv_no": INVENTORY,
    "accession_no": INVENTORY,
    "accession_number": INVENTORY,
    "accession_id": INVENTORY,
    "object": "object_id",
}
# What no file name can hold on some system, and what scanning software writes in its place.
_NOT_IN_NAMES = str.maketrans(dict.fromkeys('/\\:*?"<>|', "_"))


@dataclass(frozen=True, slots=True)
class UnusedRow:
    """A row of the manifest that met no file: its line, and the path or number it names."""

    line: int
    name: str


class Manifest:
    """The rows of a manifest, found by the path of a file or by its stem.

    A row with a path belongs to that file alone. A row with only an inventory number belongs to
    every file of that stem: ``1905-012`` to ``front/1905-012.tif`` and ``verso/1905-012.jpg``.
    Unicode form and case do not matter, unless that leaves two rows to choose from.
    """

    def __init__(self, rows: list[Row], columns: Sequence[str], where: str) -> None:
        self.where = where
        self.columns = tuple(name for name in columns if name != PATH)
        """The names of the facts that rows give."""
        self.repeated = 0
        """Rows that say the same as an earlier one."""
        self._rows = rows
        self._exact: dict[str, Row] = {}
        self._folded: dict[str, list[Row]] = {}
        self._by_stem: dict[str, Row] = {}
        self._met: set[int] = set()
        for row in rows:
            self._enter(row)

    def __len__(self) -> int:
        return len(self._rows)

    def facts(self, path: str) -> Mapping[str, str]:
        """Return the facts of a file, empty when no row is about it."""
        row = self._row(path)
        if row is None:
            return {}
        self._met.add(row.line)
        return {name: value for name, value in row.cells.items() if name != PATH}

    def unused(self) -> tuple[UnusedRow, ...]:
        """Return the rows that :meth:`facts` was never asked for, in order."""
        return tuple(
            UnusedRow(row.line, row.cells.get(PATH) or row.cells[INVENTORY])
            for row in self._rows
            if row.line not in self._met
        )

    def _row(self, path: str) -> Row | None:
        if row := self._exact.get(path):
            return row
        folded = self._folded.get(_fold(path), ())
        if len(folded) == 1:
            return folded[0]
        return self._by_stem.get(_fold(PurePosixPath(path).stem))

    def _enter(self, row: Row) -> None:
        if path := _clean_path(row.cells.get(PATH, "")):
            if self._is_new(row, self._exact.get(path), PATH):
                self._exact[path] = row
                self._folded.setdefault(_fold(path), []).append(row)
        elif number := row.cells.get(INVENTORY, ""):
            stem = _fold(number.translate(_NOT_IN_NAMES))
            if self._is_new(row, self._by_stem.get(stem), INVENTORY):
                self._by_stem[stem] = row
        else:
            raise ConfigError(
                f"line {row.line} has neither a path nor an inventory_no, so it is about no file. "
                "Cure: fill one of them, or delete the line",
                where=self.where,
            )

    def _is_new(self, row: Row, earlier: Row | None, column: str) -> bool:
        """Whether the row is the first about its file; a repeated one must say the same."""
        if earlier is None:
            return True
        other = sorted(
            name for name, value in row.cells.items() if value != earlier.cells.get(name)
        )
        if not other:
            self.repeated += 1
            self._met.add(row.line)
            return False
        raise ConfigError(
            f"lines {earlier.line} and {row.line} are both about {row.cells[column]!r} and differ "
            f"in {', '.join(other)}. Cure: delete one of them",
            where=self.where,
            key=column,
        )


def read_manifest(path: Path) -> Manifest:
    """Read a manifest: CSV in UTF-8, separated by comma, semicolon or tab, with a header line.

    Columns are matched without regard to case: ``path`` (or ``file``) relative to the scans, or
    ``inventory_no``, which is matched to the stem of the file name. ``title``, ``date``,
    ``series``, ``rights``, ``object_id``, ``sequence`` and ``position`` have a meaning here,
    every other column is kept. Raises ConfigError that names file, line, column and cure.
    """
    table = read_table(path, aliases=_ALIASES)
    where = str(path)
    if PATH not in table.columns and INVENTORY not in table.columns:
        raise ConfigError(
            f"has neither a column 'path' nor a column 'inventory_no', only: "
            f"{', '.join(table.columns)}. Cure: add one, so that rows can be joined to files",
            where=where,
        )
    places: dict[tuple[str, int], int] = {}
    for row in table.rows:
        _check_position(row, places, where)
    return Manifest(table.rows, table.columns, where)


def _check_position(row: Row, places: dict[tuple[str, int], int], where: str) -> None:
    """Check that a position is a number, and that no earlier row has it in the same sequence."""
    position, name = row.cells.get("position", ""), row.cells.get("sequence", "")
    if not position:
        return
    if not (position.isascii() and position.isdigit()):
        raise ConfigError(
            f"line {row.line}: {position!r} is no position in a sequence. "
            "Cure: write a whole number from 0, or leave the cell empty",
            where=where,
            key="position",
        )
    earlier = places.setdefault((name, int(position)), row.line)
    if name and earlier != row.line:
        raise ConfigError(
            f"lines {earlier} and {row.line} have the same position {position} in the sequence "
            f"{name!r}. Cure: correct one; files without a position come in the order of their "
            "names",
            where=where,
            key="position",
        )


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _clean_path(path: str) -> str:
    """Return a path as the walk writes it: no ``./``, no backslashes of Windows."""
    if "\\" in path and "/" not in path:
        path = path.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/".join(parts)
