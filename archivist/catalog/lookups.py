"""What a scan asks: which files and assets are known, and which were refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from archivist.catalog import tables
from archivist.catalog.bulk import pages
from archivist.catalog.reading import (
    asset_of,
)
from archivist.catalog.rows import (
    FileStat,
    KnownRefusal,
)
from archivist.catalog.session import Catalog
from archivist.model import Asset, Status

_WINDOW = 2000  # rows; one look-up in a million files costs 7 microseconds this way, else 250


@dataclass(frozen=True, slots=True)
class _Window:
    """The files whose paths are at least ``start`` and at most ``end`` (None: to the last)."""

    start: str
    end: str | None
    files: Mapping[str, FileStat]

    def covers(self, path: str) -> bool:
        return self.start <= path and (self.end is None or path <= self.end)


class FileStats:
    """The files of the last scan by path; made for a walk through folders in order.

    It reads ahead in windows of some thousand paths and keeps a few of them, so that memory stays
    flat for a million files. ``get`` and ``in`` work as with a dict.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._windows: deque[_Window] = deque(maxlen=4)

    def get(self, path: str, default: FileStat | None = None) -> FileStat | None:
        """Return what is known of a file that was present, else ``default``."""
        for window in self._windows:
            if window.covers(path):
                return window.files.get(path, default)
        self._windows.appendleft(self._load(path))
        return self._windows[0].files.get(path, default)

    def __contains__(self, path: str) -> bool:
        return self.get(path) is not None

    def __getitem__(self, path: str) -> FileStat:
        found = self.get(path)
        if found is None:
            raise KeyError(path)
        return found

    def _load(self, path: str) -> _Window:
        table = tables.scan_file.c
        with self._catalog.reading() as connection:
            rows = connection.execute(
                select(table.path, table.size, table.mtime_ns, table.digest, table.present)
                .where(table.collection_id == self._catalog.collection_id, table.path >= path)
                .order_by(table.path)
                .limit(_WINDOW)
            ).all()
        files = {
            row.path: FileStat(size=row.size, mtime_ns=row.mtime_ns, digest=row.digest)
            for row in rows
            if row.present
        }
        return _Window(path, rows[-1].path if len(rows) == _WINDOW else None, files)


def file_stats(catalog: Catalog) -> FileStats:
    """Return the files of the last scan, to be asked by path."""
    return FileStats(catalog)


def digests_of_formats(catalog: Catalog, formats: Iterable[str]) -> frozenset[str]:
    """Return the SHA-256 (hex) of all files that are of one of these formats."""
    table = tables.asset.c
    wanted = select(table.digest).where(table.format.in_(sorted(formats))).distinct()
    with catalog.reading() as connection:
        return frozenset(connection.scalars(wanted))


def holds_files(catalog: Catalog) -> bool:
    """Tell whether the last scan found any scan."""
    table = tables.scan_file.c
    mine = (table.collection_id == catalog.collection_id, table.present == 1)
    with catalog.reading() as connection:
        return connection.execute(select(table.path).where(*mine).limit(1)).first() is not None


def refusals(
    catalog: Catalog, *, after: str = "", limit: int = 1000, status: Status | None = None
) -> tuple[KnownRefusal, ...]:
    """Return a page of the files refused by the last scan, by path; ``after`` is the last seen.

    With ``status`` only pictures that cannot be treated (failed), or what is no picture (skipped).
    """
    table = tables.refusal.c
    chosen = () if status is None else (table.status == status.value,)
    with catalog.reading() as connection:
        rows = connection.execute(
            select(table.path, table.code, table.reason, table.status, table.size, table.mtime_ns)
            .where(table.collection_id == catalog.collection_id, table.path > after)
            .where(table.present == 1, *chosen)
            .order_by(table.path)
            .limit(limit)
        )
        return tuple(KnownRefusal(**row._mapping) for row in rows)


def assets_of(catalog: Catalog, digests: Iterable[str]) -> dict[str, tuple[Asset, ...]]:
    """Return the pages of files by the digest of the file, in order."""
    found: dict[str, tuple[Asset, ...]] = {}
    table = tables.asset
    with catalog.reading() as connection:
        for page in pages(set(digests)):
            for row in connection.execute(
                select(table).where(table.c.digest.in_(page)).order_by(table.c.digest, table.c.page)
            ):
                found[row.digest] = (*found.get(row.digest, ()), asset_of(row))
    return found


def sizes_of(catalog: Catalog, digests: Iterable[str]) -> dict[str, int]:
    """Return the sizes in bytes of present files by their digests."""
    table = tables.scan_file.c
    found: dict[str, int] = {}
    with catalog.reading() as connection:
        for page in pages(set(digests)):
            rows = connection.execute(
                select(table.digest, table.size)
                .where(table.collection_id == catalog.collection_id, table.digest.in_(page))
                .where(table.present == 1)
            )
            found.update({row.digest: row.size for row in rows})
    return found


def paths_of(catalog: Catalog, digests: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the present copies of files by digest, sorted by path."""
    # Without the collection, of which most catalogs have one: by its index SQLite would read all.
    table = tables.scan_file.c
    wanted = select(table.path, table.digest, table.collection_id).where(table.present == 1)
    found: dict[str, tuple[str, ...]] = {}
    with catalog.reading() as connection:
        for page in pages(set(digests)):
            rows = connection.execute(wanted.where(table.digest.in_(page))).all()
            for path, digest, collection in sorted(map(tuple, rows)):
                if collection == catalog.collection_id:
                    found[digest] = (*found.get(digest, ()), path)
    return found
