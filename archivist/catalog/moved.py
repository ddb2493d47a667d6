"""What became of scans that are no longer what, or where, they were, and of their outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from archivist.catalog import tables
from archivist.catalog.bulk import pages
from archivist.catalog.in_place import OVERWRITTEN
from archivist.catalog.lookups import paths_of
from archivist.catalog.queue import run_number
from archivist.catalog.rows import EventRow
from archivist.catalog.session import Catalog
from archivist.catalog.uses import Use, uses_of_assets

CHANGED = "scan.changed"
"""Type of the event that another file was found under the name of a scan."""
_PAGE = 500
_event, _pub, _file = tables.event.c, tables.publication.c, tables.scan_file.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """That a scan was replaced by another file of its name, and is nowhere among the scans now.

    ``was`` and ``now`` are SHA-256 digests; ``at`` is when it was found.
    """

    path: str
    was: str
    now: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOver:
    """An output in place whose scan is not where it was when it was made.

    ``scans`` are the names that the scan has now, none when it is gone.
    """

    path: str
    source: str
    digest: str
    scans: tuple[str, ...]

    @property
    def said(self) -> str:
        """What became of the scan, in words."""
        if self.scans:
            return f"its scan {self.source} is called {', '.join(self.scans)} now"
        return f"its scan {self.source} is gone, or was replaced by another file"


def replaced_scans(catalog: Catalog, *, run: str | None = None) -> Iterator[Replaced]:
    """Yield the scans that were replaced, by the scan of a run or ever, the oldest first.

    Each former content is told once, as it was replaced last.
    """
    wanted = (
        select(_event.at, _event.detail)
        .join(tables.run, tables.run.c.id == _event.run_id)
        .where(_event.type == CHANGED, tables.run.c.collection_id == catalog.collection_id)
        .order_by(_event.id)
    )
    with catalog.reading() as connection:
        if run is not None:
            wanted = wanted.where(_event.run_id == run_number(connection, run))
        rows = connection.execute(wanted).all()
    found = {
        (row.detail["path"], row.detail["was"]): Replaced(
            path=row.detail["path"], was=row.detail["was"], now=row.detail["is"], at=row.at
        )
        for row in rows
    }
    there = paths_of(catalog, {one.was for one in found.values()})
    yield from (one for one in found.values() if one.was not in there)


def changes_of(catalog: Catalog, digest: str) -> tuple[EventRow, ...]:
    """Return when a scan replaced another of its name, or was replaced, the newest first."""
    wanted = (
        select(*tables.event.c, tables.run.c.uid)
        .outerjoin(tables.run, tables.run.c.id == _event.run_id)
        .where(_event.type == CHANGED)
        .order_by(_event.id.desc())
    )
    with catalog.reading() as connection:
        rows = connection.execute(wanted).all()
    return tuple(
        EventRow(
            type=row.type,
            at=row.at,
            run=row.uid,
            asset=row.detail["is"],
            detail=row.detail,
            actor=row.actor,
        )
        for row in rows
        if digest in (row.detail["was"], row.detail["is"])
    )


def uses_left_over(catalog: Catalog) -> Iterator[tuple[Use, str]]:
    """Yield what :func:`left_over` does as outputs with how they were made, and what is said."""
    for page in pages(left_over(catalog), _PAGE):
        said = {one.path: one.said for one in page}
        with catalog.reading() as connection:
            numbers = connection.scalars(
                select(tables.asset.c.id).where(
                    tables.asset.c.digest.in_({one.digest for one in page})
                )
            ).all()
        for use in uses_of_assets(catalog, [], numbers):
            path = use.written.publication.path
            if path in said:
                yield use, said[path]


def left_over(catalog: Catalog) -> Iterator[LeftOver]:
    """Yield the outputs in place whose scan is gone, replaced or renamed, by path."""
    there = exists().where(
        _file.collection_id == _pub.collection_id,
        _file.path == _pub.source,
        _file.digest == _pub.digest,
        _file.present == 1,
    )
    wanted = (
        select(_pub.path, _pub.source, _pub.digest)
        .where(_pub.collection_id == catalog.collection_id, ~OVERWRITTEN, ~there)
        .order_by(_pub.path)
        .limit(_PAGE)
    )
    after = ""
    while True:
        with catalog.reading() as connection:
            rows = connection.execute(wanted.where(_pub.path > after)).all()
        if not rows:
            return
        names = paths_of(catalog, {row.digest for row in rows})
        for row in rows:
            scans = names.get(row.digest, ())
            yield LeftOver(path=row.path, source=row.source, digest=row.digest, scans=scans)
        after = rows[-1].path
