"""The lines of the journal: one JSON table each, whose first key says what kind of line it is.

======== =======================================================================================
entry    a record that entered the ledger: position, kind, row, digest, and the very text that the
         digest is of, as ``facts``; a step also has its run
rows     rows that were added to a table, or take the place of those that have the same key
set      columns of the rows that ``where`` names take other values
delete   the rows that ``where`` names are removed
call     an update that the catalog knows by name, with its values
end      closes what one transaction wrote: see :mod:`archivist.catalog.journal.shards`
======== =======================================================================================

What the entry of a step brings (the step, its inputs, outputs and weights, the ledger) has no lines
of its own. Records of other kinds have both: rows, and the facts that were entered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table

from archivist.catalog.types import clean_inside
from archivist.model import clean_text

OPTION = "archivist_journal"
"""Execution option of a connection whose transaction is noted in a :class:`Batch`."""

FROM_ENTRIES = frozenset(
    ("step", "step_input", "step_weights", "artifact", "ledger", "schema_meta")
)
"""Tables whose rows are not noted: entries bring them (and each catalog has a head of its own)."""

ROWS_IN_LINE = 20
"""So many rows a damaged line can cost at most."""

Where = Mapping[str, Sequence[Any]]
"""Column -> the values that it may have; ``[None]`` is for no value."""


class Batch:
    """What one transaction changes, in the order in which it is changed."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def entry(
        self, *, position: int, kind: str, row: int, digest: str, text: bytes, run: str | None
    ) -> None:
        """Note that a record entered the ledger; ``text`` is what its digest is of."""
        head = {"entry": position, "kind": kind, "row": row, "digest": digest, "run": run}
        self.lines.append(_line(head)[:-1] + FACTS + text + b"}")

    def rows(
        self,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        *,
        conflict: Sequence[str] = (),
        update: Sequence[str] = (),
        add: Sequence[str] = (),
    ) -> None:
        """Note inserted rows, as :func:`archivist.catalog.bulk.insert_rows` was told."""
        if table.name in FROM_ENTRIES:
            return
        head: dict[str, Any] = {"rows": table.name, "columns": columns}
        on = {"conflict": conflict, "update": update, "add": add}
        head |= {name: value for name, value in on.items() if value}
        for start in range(0, len(rows), ROWS_IN_LINE):
            self.lines.append(_line({**head, "values": rows[start : start + ROWS_IN_LINE]}))

    def change(self, table: Table, values: Mapping[str, Any], where: Where) -> None:
        """Note that rows took other values."""
        self.lines.append(_line({"set": table.name, "to": values, "where": where}))

    def remove(self, table: Table, where: Where) -> None:
        """Note that rows were deleted."""
        self.lines.append(_line({"delete": table.name, "where": where}))

    def call(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Note that a named update was carried out for these rows of bound values."""
        for start in range(0, len(rows), ROWS_IN_LINE):
            values = rows[start : start + ROWS_IN_LINE]
            self.lines.append(_line({"call": name, "columns": columns, "values": values}))


FACTS = b',"facts":'
"""Stands between the head of an entry and the text that its digest is of."""


def batch_of(connection: Connection) -> Batch | None:
    """Return what takes note of a connection's transaction, None when nothing does."""
    found: Batch | None = connection.get_execution_options().get(OPTION)
    return found


def facts_text(line: bytes) -> bytes:
    """Return the text that the digest of an entry is of, as it stands in the entry's line."""
    return line[line.index(FACTS) + len(FACTS) : -1]


def read_line(line: bytes) -> dict[str, Any]:
    """Return what a line says. Raises ValueError for what is none."""
    found = json.loads(line.decode("utf-8", "surrogateescape"))
    if not isinstance(found, dict) or not found:
        raise ValueError("a line of the journal is a table")
    return found


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in the journal")


_encode = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_default
).encode


def _line(value: Mapping[str, Any]) -> bytes:
    text = _encode(value)
    if "\\u0000" in text:  # what the database gets is cleaned too
        text = _encode(clean_inside(value))
    return clean_text(text).encode()
