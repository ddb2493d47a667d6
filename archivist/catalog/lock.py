"""One writer at a time: an OS lock file beside SQLite, an advisory lock on Postgres.

An advisory lock vanishes with its connection, a lock file can be deleted by hand: so each writer
also raises ``schema_meta.writer_epoch`` and checks it in every transaction (a fencing token).
"""

from __future__ import annotations

import json
import os
import socket
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

    Raises CatalogError that names the holder (from ``NAME.writer``, written by the holder).
    """

    def __init__(self, catalog: Path) -> None:
        self._note = catalog.with_name(catalog.name + ".writer")
        self._lock = FileLock(catalog.with_name(catalog.name + ".lock"), timeout=0)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise locked(str(catalog), self._holder()) from error
        except OSError as error:
            raise CatalogError(
                f"the catalog {catalog} cannot be locked ({error.strerror}). "
                "Cure: check the permissions of its folder, or name another with --catalog"
            ) from error
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


class AdvisoryLock:
    """A session advisory lock on Postgres, on a connection of its own.

    Raises CatalogError that names the holder (from ``schema_meta``).
    """

    def __init__(self, engine: Engine) -> None:
        self._connection: Connection | None = engine.connect()
        self._connection.detach()  # the lock is the connection's: no pool may hand it on
        got = self._connection.scalar(
            text("SELECT pg_try_advisory_lock(:number)"), {"number": _ADVISORY}
        )
        self._connection.commit()
        if not got:
            holder = _noted(self._connection)
            self._connection.close()
            raise locked(engine.url.render_as_string(), holder)

    def release(self) -> None:
        """Let the next writer in."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.execute(
                    text("SELECT pg_advisory_unlock(:number)"), {"number": _ADVISORY}
                )
                connection.commit()
            except DBAPIError:  # the server is gone, and the lock with it
                connection.invalidate()
            finally:
                connection.close()


def locked(name: str, holder: Mapping[str, object]) -> CatalogError:
    """Return the error that tells who writes to a catalog, and what to do."""
    who = "another process"
    if holder:
        who = "process {} on {} since {}".format(
            *(holder.get(key, "?") for key in ("pid", "host", "since"))
        )
    return CatalogError(
        f"the catalog {name} is being written by {who}. "
        "Cure: wait until it has finished, or stop that process"
    )


def take_epoch(connection: Connection) -> int:
    """Enter as the newest writer; return the epoch that each transaction must find."""
    epoch = int(connection.execute(select(schema_meta.c.writer_epoch)).scalar_one()) + 1
    connection.execute(schema_meta.update().values(writer_epoch=epoch, writer=whoami()))
    return epoch


def check_epoch(connection: Connection, epoch: int) -> None:
    """Raise CatalogError when a newer writer has taken over."""
    row = connection.execute(select(schema_meta.c.writer_epoch, schema_meta.c.writer)).one()
    if row.writer_epoch != epoch:
        raise locked(connection.engine.url.render_as_string(), row.writer or {})


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
