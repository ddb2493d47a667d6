"""A second catalog, made from the journal alone, to compare the tables of the first with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, select

from archivist.catalog import tables
from archivist.catalog.bulk import PAGE
from archivist.catalog.head import position_of
from archivist.catalog.journal.joining import carry_out, groups, position
from archivist.catalog.journal.judging import Tip
from archivist.catalog.journal.replay import Unusable
from archivist.catalog.journal.shards import Journal
from archivist.catalog.session import Catalog, open_catalog

COVERED = frozenset(
    (
        "step",
        "step_input",
        "step_weights",
        "publication",
        "review",
        "replay",
        "certification",
        "ledger",
        "schema_meta",
    )
)
"""Tables that the ledger answers for, and the head, which says how a catalog was written."""

COMPARED = tuple(one.name for one in tables.metadata.sorted_tables if one.name not in COVERED)
"""The names of the tables that are compared."""

BY_NAME = {"scan_file": ("collection_id", "path"), "refusal": ("collection_id", "path")}
"""Tables whose rows the database numbers and nothing else names by number. They are compared by
their unique key and without the number: Postgres leaves some out after a crash or a rollback."""


class Difference(NamedTuple):
    """A row that is not the same in both: its key, what the catalog has and what the journal."""

    key: dict[str, Any]
    here: dict[str, Any] | None
    there: dict[str, Any] | None


class Mirror:
    """What the journal says, in a SQLite file in the folder for temporary files (``TMPDIR``).

    It is made when a table is asked for, and catches up when the catalog has gone on. Raises
    :class:`~archivist.catalog.journal.replay.Unusable` when the journal does not tell, and
    CatalogError when there is no room.
    """

    def __init__(self, catalog: Catalog, journal: Journal) -> None:
        self._catalog, self._journal = catalog, journal
        self._folder = tempfile.TemporaryDirectory(prefix="archivist-journal-")
        self._made: Catalog | None = None
        self._refused: Unusable | None = None

    def __enter__(self) -> Mirror:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._made is not None:
            self._made.close()
        self._folder.cleanup()

    def differences(self, name: str) -> Iterator[Difference]:
        """Yield the rows of a table that differ, in the order of their keys."""
        table = tables.metadata.tables[name]
        with self._catalog.reading() as plain:
            here = _one_view(plain)
            if self._refused is not None:  # what stopped one table stops all
                raise self._refused
            try:
                made = self._reach(position_of(here))
            except Unusable as error:
                self._refused = error
                raise
            with made.reading() as there:
                yield from _compared(table, _rows(here, table), _rows(there, table))

    def _reach(self, tip: Tip) -> Catalog:
        """Carry out what the journal has up to where the catalog is."""
        if self._made is None:
            url = f"sqlite:///{Path(self._folder.name) / 'mirror.sqlite'}"
            self._made = open_catalog(url, write=True, rebuilds=self._journal.folder.name)
        made, mine = self._made, position(self._made)
        if mine == tip:
            return made
        found = (one for one in self._journal.batches() if mine.batch < one.number <= tip.batch)
        for group in groups(found):
            carry_out(made, group)
        if position(made) != tip:
            raise Unusable("it is not of this state of the catalog")
        return made


def _one_view(connection: Connection) -> Connection:
    """Let all that is read be of one moment, also on Postgres."""
    if connection.dialect.name == "postgresql":
        return connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def _rows(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    """Yield the rows of a table in the order of the bytes of its key."""
    text = connection.dialect.name == "postgresql"
    keys = [table.columns[name] for name in _keys(table)]
    order = [key.collate("C") if text and key.type.python_type is str else key for key in keys]
    unnumbered = [one for one in table.columns if table.name not in BY_NAME or one.name != "id"]
    wanted = select(*unnumbered).order_by(*order)
    return iter(connection.execute(wanted, execution_options={"yield_per": PAGE}))


def _compared(
    table: Table, here: Iterator[Row[Any]], there: Iterator[Row[Any]]
) -> Iterator[Difference]:
    keys = _keys(table)

    def key_of(row: Row[Any]) -> tuple[Any, ...]:
        return tuple(row._mapping[name] for name in keys)

    left, right = next(here, None), next(there, None)
    while left is not None or right is not None:
        first = min(key_of(row) for row in (left, right) if row is not None)
        mine = left if left is not None and key_of(left) == first else None
        other = right if right is not None and key_of(right) == first else None
        if mine is None or other is None or tuple(mine) != tuple(other):
            yield Difference(dict(zip(keys, first, strict=True)), _plain(mine), _plain(other))
        left = next(here, None) if mine is not None else left
        right = next(there, None) if other is not None else right


def _keys(table: Table) -> list[str]:
    """Return the columns that name a row."""
    own = (column.name for column in table.primary_key.columns)
    return list(BY_NAME.get(table.name, own))


def _plain(row: Row[Any] | None) -> dict[str, Any] | None:
    return None if row is None else dict(row._mapping)
