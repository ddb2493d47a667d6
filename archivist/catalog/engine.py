"""Engines: SQLite with the settings that keep every committed record, Postgres by psycopg 3."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from archivist.api.errors import CatalogError

log = logging.getLogger(__name__)

IMMEDIATE = "archivist_immediate"
"""Execution option of connections that will write: they take SQLite's write lock at BEGIN, because
a transaction that reads first and writes later loses against a concurrent one, whatever the
busy timeout (74 % of the rows of 16 writers were lost that way)."""

BUSY_MS = 30_000

READER_SETTINGS = (
    "foreign_keys=ON",
    f"busy_timeout={BUSY_MS}",
    "temp_store=MEMORY",
    "cache_size=-2048",  # 2 MiB: pages are mapped anyway, and a larger cache grows with the archive
    "mmap_size=1073741824",  # beyond that the kernel keeps the pages, and gives them back
)
WRITER_SETTINGS = (
    *READER_SETTINGS,
    "synchronous=FULL",  # what was committed survives a power cut
    "wal_autocheckpoint=4000",  # 16 MiB: at the default of 4 such pages are written over and over
)
_MAGIC = b"SQLite format 3\0"
_STRICT_SINCE = (3, 37, 0)
_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "lustre", "beegfs", "gpfs", "ceph", "glusterfs")


def parse_url(url: str) -> URL:
    """Return a catalog URL; a bare file name means SQLite, bare ``postgresql`` means psycopg 3.

    Raises CatalogError for what is neither.
    """
    if "://" not in url:
        return URL.create("sqlite", database=url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise CatalogError(
            f"{url!r} is no catalog URL. Cure: sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        ) from error
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise CatalogError(
            f"a catalog lives in a SQLite file or in Postgres, not in {backend!r}. "
            "Cure: sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        )
    return parsed


def sqlite_path(url: URL) -> Path | None:
    """Return the file of a SQLite URL, None for Postgres."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def make_engine(url: str | URL, *, write: bool) -> Engine:
    """Return an engine with our settings; raises CatalogError when a driver is missing."""
    parsed = parse_url(url) if isinstance(url, str) else url
    path = sqlite_path(parsed)
    if path is not None:
        return _sqlite_engine(path, write=write)
    try:
        return _postgres_engine(parsed)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise CatalogError(
            "a catalog in Postgres needs the psycopg driver. Cure: pip install archivist[postgres]"
        ) from error


def check_file(path: Path, *, write: bool) -> None:
    """Refuse what is no SQLite database, or cannot be written, before SQLite touches it.

    Raises CatalogError that says the cure.
    """
    if sqlite3.sqlite_version_info < _STRICT_SINCE:
        raise CatalogError(
            f"SQLite {sqlite3.sqlite_version} is too old for the catalog (3.37 is needed). "
            "Cure: a newer Python, or a catalog in Postgres"
        )
    try:
        with path.open("rb") as stream:
            head = stream.read(len(_MAGIC))
    except OSError as error:
        raise CatalogError(
            f"the catalog {path} cannot be read: {error.strerror}. "
            "Cure: check its name and its permissions"
        ) from error
    if head and head != _MAGIC:
        raise CatalogError(
            f"{path} is no SQLite database. Cure: name another file with --catalog; if it was the "
            "catalog, move it away and archivist catalog rebuild --out DIR makes it again"
        )
    if write:
        _check_writable(path)


def _check_writable(path: Path) -> None:
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise CatalogError(
                f"the catalog cannot be written: {place} is read-only. "
                "Cure: change its permissions, or name another file with --catalog"
            )


def network_file_system(path: Path) -> str | None:
    """Return the type of the network file system a path lies on, None for a local one."""
    full, best, kind = str(path.resolve()), "", ""
    for part in psutil.disk_partitions(all=True):
        point = part.mountpoint
        inside = full == point or full.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, part.fstype.lower()
    is_network = kind.startswith(_NETWORK) or kind in ("fuse.sshfs", "fuse.s3fs")
    return kind if is_network else None


def _sqlite_engine(path: Path, *, write: bool) -> Engine:
    if write:
        engine = create_engine(
            URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_MS / 1000}
        )
    else:
        engine = create_engine(
            "sqlite://", creator=lambda: _open_for_reading(path), poolclass=_file_pool()
        )
    journal = "WAL"
    if write and (kind := network_file_system(path)) is not None:
        log.warning(
            "the catalog %s lies on %s, where SQLite's write-ahead log is unsafe: using the slower "
            "rollback journal. Cure: a local disk, or a catalog in Postgres",
            path,
            kind,
        )
        journal = "DELETE"

    @event.listens_for(engine, "connect")
    def _settings(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # transactions are begun by _begin
        cursor = connection.cursor()
        settings = (f"journal_mode={journal}", *WRITER_SETTINGS) if write else READER_SETTINGS
        for setting in settings:
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _postgres_engine(url: URL) -> Engine:
    # format: rows go as plain tuples, which halves the cost of a bulk insert
    engine = create_engine(url, paramstyle="format", pool_pre_ping=True)

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, record: object) -> None:
        # Compiling a query takes the server 0.15 s in each of its processes, more than most take.
        connection.execute("SET jit = off")
        connection.execute(f"SET lock_timeout = {BUSY_MS}")
        connection.commit()

    return engine


def _file_pool() -> Any:
    from sqlalchemy.pool import QueuePool

    return QueuePool


def _open_for_reading(path: Path) -> sqlite3.Connection:
    """Open without ever writing, also where the folder is read-only and no writer can be."""
    mode = "mode=ro"
    if not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists():
        mode = "immutable=1"  # else SQLite wants to make a -shm file beside a WAL database
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?{mode}",
        uri=True,
        timeout=BUSY_MS / 1000,
        check_same_thread=False,
        isolation_level=None,
    )
