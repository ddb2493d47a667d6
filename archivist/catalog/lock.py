"""One writer at a time: an OS lock file beside SQLite, an advisory lock on Postgres.

People decide about results while a run holds that lock, so there is a second one, the *door*: held
by the writer while it enters, and by one decision at a time that is recorded beside it
(:mod:`archivist.catalog.beside`).

An advisory lock vanishes with its connection, a lock file can be deleted by hand: so each writer
also takes an epoch and checks it in every transaction (:mod:`archivist.catalog.head`).
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError

from archivist.api.errors import CatalogError
from archivist.catalog.tables import schema_meta
from archivist.model import now

_ADVISORY = 0x6172636869766973  # "archivis": one number for all catalogs; locks are per database
_ADVISORY_DOOR = _ADVISORY + 1

WAIT_SECONDS = 30.0
"""So long one waits for the door, and as long for a pause of the writer (``BUSY_MS``). A decision
takes milliseconds, so whoever waits longer waits for something that hangs."""
MOMENT_SECONDS = 2.0
"""So long a writer that begins waits for another: a decision, which takes milliseconds when no run
goes on, shall not turn a run away; who writes for longer is told of."""
_POLL_SECONDS = 0.05


class Held(CatalogError):
    """Another process writes to the catalog."""


class WriterLock(Protocol):
    """Held while a catalog is open for writing."""

    def release(self) -> None:
        """Let the next writer in; calling it twice does no harm."""


def whoami() -> dict[str, object]:
    """Return who writes now: process, host and time."""
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": now().isoformat(timespec="seconds"),
    }


class FileWriterLock:
    """An OS lock on ``NAME.lock``; it ends with its process, also after ``kill -9``.

    After ``wait`` seconds it raises CatalogError that names the holder (from ``NAME.writer``,
    written by the holder).
    """

    def __init__(self, catalog: Path, wait: float) -> None:
        self._note = catalog.with_name(catalog.name + ".writer")
        self._lock = FileLock(catalog.with_name(catalog.name + ".lock"), timeout=wait)
        try:
            self._lock.acquire(poll_interval=_POLL_SECONDS)
        except Timeout as error:
            raise locked(str(catalog), self._holder()) from error
        except OSError as error:
            raise unlockable(catalog, error) from error
        self._note.write_text(json.dumps(whoami()), "utf-8")

    def _holder(self) -> Mapping[str, object]:
        try:
            found = json.loads(self._note.read_text("utf-8"))
        except (OSError, ValueError):  # the holder is about to write it
            return {}
        return found if isinstance(found, dict) else {}

    def release(self) -> None:
        """Let the next writer in."""
        if self._lock.is_locked:
            self._note.unlink(missing_ok=True)
            self._lock.release()


def is_held(engine: Engine, path: Path | None) -> bool:
    """Tell whether somebody holds the writer's lock; ``path`` is the file, None on Postgres.

    A lock that we may not try counts as held: it is another user's.
    """
    if path is None:
        connection = _taken(engine, _ADVISORY, wait=0)
        if connection is not None:
            connection.close()  # the lock ends with it
        return connection is None
    name = path.with_name(path.name + ".lock")
    if not name.exists():
        return False
    try:
        with FileLock(name, timeout=0):
            return False
    except (Timeout, OSError):
        return True


class FileDoor:
    """The door of a SQLite catalog: an OS lock on ``NAME.door``. Raises CatalogError."""

    def __init__(self, catalog: Path) -> None:
        self._lock = FileLock(catalog.with_name(catalog.name + ".door"), timeout=WAIT_SECONDS)
        try:
            self._lock.acquire(poll_interval=_POLL_SECONDS)
        except Timeout as error:
            raise _door_shut(str(catalog)) from error
        except OSError as error:
            raise unlockable(catalog, error) from error

    def release(self) -> None:
        """Let the next one in."""
        self._lock.release()


class AdvisoryLock:
    """A session advisory lock on Postgres, on a connection of its own.

    After ``wait`` seconds it raises CatalogError that names the holder (from ``schema_meta``).
    """

    def __init__(self, engine: Engine, wait: float) -> None:
        self._number = _ADVISORY
        self._connection: Connection | None = _taken(engine, self._number, wait=wait)
        if self._connection is None:
            with engine.connect() as connection:
                raise locked(engine.url.render_as_string(), _noted(connection))

    def release(self) -> None:
        """Let the next writer in."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.execute(
                    text("SELECT pg_advisory_unlock(:number)"), {"number": self._number}
                )
                connection.commit()
            except DBAPIError:  # the server is gone, and the lock with it
                connection.invalidate()
            finally:
                connection.close()


class AdvisoryDoor(AdvisoryLock):
    """The door of a Postgres catalog. Raises CatalogError."""

    def __init__(self, engine: Engine) -> None:
        self._number = _ADVISORY_DOOR
        self._connection = _taken(engine, self._number, wait=WAIT_SECONDS)
        if self._connection is None:
            raise _door_shut(engine.url.render_as_string())


def door(engine: Engine, path: Path | None) -> WriterLock:
    """Take the door of a catalog; ``path`` is its file, None on Postgres. Raises CatalogError."""
    return FileDoor(path) if path is not None else AdvisoryDoor(engine)


def _taken(engine: Engine, number: int, *, wait: float) -> Connection | None:
    """Return a connection that holds an advisory lock; None when it was not free in ``wait`` s."""
    connection = engine.connect()
    connection.detach()  # the lock is the connection's: no pool may hand it on
    until = time.monotonic() + wait
    while True:
        got = connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": number})
        connection.commit()
        if got:
            return connection
        if time.monotonic() >= until:
            connection.close()
            return None
        time.sleep(_POLL_SECONDS)


def _door_shut(name: str) -> CatalogError:
    return CatalogError(
        f"the catalog {name} was busy for {WAIT_SECONDS:.0f} seconds with what others begin or "
        "decide. Nothing was recorded. Cure: the same again in a while"
    )


def unlockable(catalog: Path, error: OSError) -> CatalogError:
    """Return the error of a lock file that cannot be made."""
    return CatalogError(
        f"the catalog {catalog} cannot be locked ({error.strerror}). "
        "Cure: check the permissions of its folder, or name another with --catalog"
    )


def locked(name: str, holder: Mapping[str, object]) -> Held:
    """Return the error that tells who writes to a catalog, and what to do."""
    who = "another process"
    if holder:
        who = "process {} on {} since {}".format(
            *(holder.get(key, "?") for key in ("pid", "host", "since"))
        )
    return Held(
        f"the catalog {name} is being written by {who}. "
        "Cure: wait until it has finished, or stop that process"
    )


def _noted(connection: Connection) -> Mapping[str, object]:
    try:
        return connection.execute(select(schema_meta.c.writer)).scalar() or {}
    except DBAPIError:  # the holder is making the tables at this moment
        return {}


class NoLock:
    """For readers: they need none."""

    def release(self) -> None:
        """Do nothing."""

    def __enter__(self) -> NoLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
