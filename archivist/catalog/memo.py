"""Remember the rows that never change and are named by many others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, FromClause, select

from archivist.catalog import tables
from archivist.catalog.bulk import pages

_MEMO_LIMIT = 50_000  # rows
_RUN_NAMES = select(tables.run.c.id, tables.run.c.uid).subquery("run_names")


class Memo:
    """Rows that never change and are named by many: params, versions, weights, recipes, runs."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], Any] = {}

    def rows(self, connection: Connection, table: FromClause, ids: Iterable[int]) -> dict[int, Any]:
        """Return rows by number, from memory where they were seen before."""
        name = str(table.description)
        wanted = set(ids)
        found = {n: row for n in wanted if (row := self._rows.get((name, n))) is not None}
        missing = wanted.difference(found)
        if missing:
            if len(self._rows) > _MEMO_LIMIT:
                self._rows.clear()
            for page in pages(missing):
                for row in connection.execute(select(table).where(table.c.id.in_(page))):
                    found[row.id] = self._rows[name, row.id] = row
        return found

    def run_uids(self, connection: Connection, ids: Iterable[int]) -> dict[int, str]:
        """Return the uids of runs by number; a run's other columns do change."""
        return {n: row.uid for n, row in self.rows(connection, _RUN_NAMES, ids).items()}
