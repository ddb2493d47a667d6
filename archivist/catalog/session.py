"""Open a catalog: checks, the writer's lock, the schema, and transactions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from sqlalchemy import URL, Connection, Engine, insert, select

from archivist.api.errors import CatalogError
from archivist.catalog import migrate
from archivist.catalog.bulk import insert_one
from archivist.catalog.engine import IMMEDIATE, check_file, make_engine, parse_url, sqlite_path
from archivist.catalog.failing import translated
from archivist.catalog.head import check_head, set_position, take_epoch
from archivist.catalog.journal.judging import Tip
from archivist.catalog.journal.lines import OPTION, Batch
from archivist.catalog.journal.shards import Journal, journals_in, taken_away, unwritable
from archivist.catalog.lock import (
    MOMENT_SECONDS,
    AdvisoryLock,
    FileWriterLock,
    NoLock,
    WriterLock,
    door,
    is_held,
)
from archivist.catalog.memo import Memo
from archivist.catalog.tables import SCHEMA, collection, schema_meta


class Catalog:
    """An open catalog; close it, or use it as a context manager.

    ``collection_id`` is the collection that paths are looked up in; None in a read-only catalog
    that does not have it yet. ``backup`` is the copy made when opening upgraded the schema.
    ``journal`` takes note of all that is written, where there is a place for it. ``beside`` is true
    for one who writes while another process holds the catalog.
    """

    def __init__(
        self, url: URL, engine: Engine, lock: WriterLock, *, write: bool, backup: Path | None
    ) -> None:
        self.url, self.engine, self.write, self.backup = url, engine, write, backup
        self.beside = False
        self.collection_id: int | None = None
        self.memo = Memo()
        self.journal: Journal | None = None
        self._lock = lock
        self._epoch: int | None = None

    @property
    def backend(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @property
    def path(self) -> Path | None:
        """The file of a SQLite catalog."""
        return sqlite_path(self.url)

    def has_writer(self) -> bool:
        """Tell whether a process writes to the catalog: this one, or any other."""
        return self.write or is_held(self.engine, self.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection with one consistent view; raises CatalogError when that fails."""
        with translated(self.url), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes are committed together at the end, or not at all.

        Raises CatalogError when another writer has taken over, or the disk is full.
        """
        if not self.write:
            raise CatalogError("this catalog was opened for reading only")
        batch = Batch() if self.journal is not None else None
        written: Tip | None = None
        try:
            with translated(self.url), self.engine.connect() as plain:
                connection = plain.execution_options(**{IMMEDIATE: True, OPTION: batch})
                with connection.begin():
                    mine = check_head(connection, self._epoch)
                    yield connection
                    if batch is not None and batch.lines:
                        written = self._write_down(connection, batch, mine)
                        set_position(connection, written)
        except BaseException:
            if self.journal is not None and written is not None:
                self.journal.undo()
            raise

    def _write_down(self, connection: Connection, batch: Batch, mine: Tip) -> Tip:
        """Write the batch before the commit: what is committed is in the journal for certain."""
        assert self.journal is not None
        if not self.journal.folder.is_dir():
            raise taken_away(self.journal.folder, self.path)
        try:
            self.journal.go_on(mine, beside=self.beside)
            return self.journal.append(batch.lines)
        except OSError as error:
            raise unwritable(self.journal.folder, error) from error

    def enter(self, name: str, *, home: Path | None = None, rebuilds: str | None = None) -> None:
        """Choose the collection, and enter as the writer when open for writing.

        ``home`` is where the journal lies when the catalog does not know; ``rebuilds`` is who a
        catalog is that is made again: it gets its collections from its journal.
        """
        if not self.write:
            with self.reading() as connection:
                self.collection_id = _collection_id(connection, name)
            return
        with (
            translated(self.url),
            self.engine.connect().execution_options(**{IMMEDIATE: True}) as connection,
            connection.begin(),
        ):
            _ensure_head(connection, rebuilds)
            self._epoch = take_epoch(connection)
        if rebuilds is not None:
            return
        from archivist.catalog.journal.joining import join

        with self._door():
            self.journal = join(self, home)
        with self.writing() as connection:
            number = _collection_id(connection, name)
            self.collection_id = number or insert_one(connection, collection, {"name": name})

    def rewrite_journal(self) -> None:
        """Lay the journal aside, and write it anew from what is in the catalog."""
        from archivist.catalog.journal.joining import write_anew

        if self.journal is None:
            raise CatalogError(
                "it is not known where the journal of this catalog lies. "
                "Cure: name the output folder with --out"
            )
        with self._door():
            write_anew(self, self.journal)

    def enter_beside(self, name: str) -> None:
        """Come in beside the writer; the door must be held. Raises CatalogError."""
        from archivist.catalog.journal.joining import journal_beside

        self.beside = True
        with self.reading() as connection:
            self.collection_id = _collection_id(connection, name)
        self.journal = journal_beside(self)

    @contextmanager
    def _door(self) -> Iterator[None]:
        """Keep out those who decide beside the writer, while the journal is put in order."""
        held = door(self.engine, self.path)
        try:
            yield
        finally:
            held.release()

    def close(self) -> None:
        """Give back the lock and all connections."""
        self.engine.dispose()
        self._lock.release()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_catalog(
    url: str,
    *,
    write: bool,
    create: bool = True,
    collection: str = "default",
    home: Path | None = None,
    rebuilds: str | None = None,
    wait: float = MOMENT_SECONDS,
) -> Catalog:
    """Open a catalog, making or upgrading it when ``write`` allows.

    ``url`` is a SQLAlchemy URL or the name of a SQLite file. Paths belong to ``collection``, so
    that several folders of scans can share one catalog. ``home`` is ``.archivist`` of the output
    folder, where a catalog that has no journal yet gets it; ``rebuilds`` names a catalog that is
    made again from its journal, and nothing is noted meanwhile. Another writer has ``wait`` seconds
    to finish. Raises CatalogError, with its cure, for a catalog that is missing, locked, read-only,
    foreign, of another schema, or lost, so that only its journal is there.
    """
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    home = home or _home_beside(path)
    if write and create and home is not None and rebuilds is None:
        _refuse_lost(parsed, home)
    if path is not None:
        _prepare_file(path, write=write, create=create)
    lock: WriterLock = FileWriterLock(path, wait) if write and path is not None else NoLock()
    engine = make_engine(parsed, write=write)
    try:
        with translated(parsed):
            if write and path is None:
                lock = AdvisoryLock(engine, wait)
            backup = ready(engine, path, write=write, create=create)
        catalog = Catalog(parsed, engine, lock, write=write, backup=backup)
        catalog.enter(collection, home=home, rebuilds=rebuilds)
    except BaseException:
        lock.release()
        engine.dispose()
        raise
    return catalog


def _prepare_file(path: Path, *, write: bool, create: bool) -> None:
    if not path.exists():
        if not (write and create):
            raise missing(str(path), _home_beside(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise CatalogError(
                f"the catalog {path} cannot be made: {error.strerror}. "
                "Cure: check the permissions of the folder, or name another with --catalog"
            ) from error
    check_file(path, write=write)


def missing(name: str, home: Path | None = None) -> CatalogError:
    """Return the error of a catalog that is not there, or of which only the journal is left."""
    if home is not None and journals_in(home):
        return _lost(name, home)
    return CatalogError(
        f"there is no catalog at {name}. Cure: archivist run SCANS --out DIR makes one; "
        "later commands take the same --out or --catalog"
    )


def ready(engine: Engine, path: Path | None, *, write: bool, create: bool) -> Path | None:
    """Bring the schema to ours, or say why not; return the backup of an upgrade."""
    with engine.connect() as connection:
        found = migrate.revision_of(connection)
    if found == SCHEMA:
        return None
    if found is None and not (write and create):
        raise missing(engine.url.render_as_string() if path is None else str(path))
    if not write:
        migrate.refuse_newer(found or "")
        raise CatalogError(
            f"the catalog has schema {found}, this archivist reads {SCHEMA}. "
            "Cure: archivist catalog upgrade (a backup is made first)"
        )
    return migrate.upgrade_engine(engine, path, found)


def _home_beside(path: Path | None) -> Path | None:
    inside = path is not None and path.absolute().parent.name == ".archivist"
    return path.absolute().parent if path is not None and inside else None


def _refuse_lost(url: URL, home: Path) -> None:
    """Do not begin anew where a catalog was lost, as if nothing had ever been done."""
    found = journals_in(home)
    with translated(url):
        if not found or migrate.current(url.render_as_string(hide_password=False)) is not None:
            return
    raise _lost(url.render_as_string(), home)


def _lost(name: str, home: Path) -> CatalogError:
    return CatalogError(
        f"there is no catalog at {name}, but in {home / 'journal'} lies the journal of one. Cure: "
        f"if the catalog is another database, name it with --catalog; else archivist catalog "
        f"rebuild --out {home.parent} brings it back; to begin without it, move "
        f"{home / 'journal'} away"
    )


def _ensure_head(connection: Connection, instance: str | None) -> None:
    if connection.execute(select(schema_meta.c.id)).first() is None:
        connection.execute(
            insert(schema_meta).values(id=1, instance=instance or str(uuid.uuid4()), writer_epoch=0)
        )


def _collection_id(connection: Connection, name: str) -> int | None:
    return connection.execute(
        select(collection.c.id).where(collection.c.name == name)
    ).scalar_one_or_none()
