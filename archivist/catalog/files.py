"""The files that the last scan saw, one after the other: what ``verify`` compares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from archivist.catalog import tables
from archivist.catalog.bulk import PAGE
from archivist.catalog.session import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentFile:
    """A scan: its path relative to the scans, its SHA-256 and its size in bytes."""

    path: str
    digest: str
    size: int


def present_files(catalog: Catalog) -> Iterator[PresentFile]:
    """Yield the files that were present at the last scan, by path, a page at a time."""
    table, after = tables.scan_file.c, ""
    while True:
        with catalog.reading() as connection:
            rows = connection.execute(
                select(table.path, table.digest, table.size)
                .where(table.collection_id == catalog.collection_id, table.present == 1)
                .where(table.path > after)
                .order_by(table.path)
                .limit(PAGE)
            ).all()
        if not rows:
            return
        for row in rows:
            yield PresentFile(path=row.path, digest=row.digest, size=row.size)
        after = rows[-1].path
