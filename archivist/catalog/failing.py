"""What failures of the database mean, and what helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from archivist.api.errors import CatalogError


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Say what a failure of the database means and what helps; data faults pass as they are."""
    try:
        yield
    except OperationalError as error:
        raise CatalogError(
            f"the catalog {url.render_as_string()} failed: {error.orig}. Cure: {_cure(error)}"
        ) from error
    except DBAPIError as error:
        if error.connection_invalidated or "malformed" in str(error.orig):
            raise CatalogError(
                f"the catalog {url.render_as_string()} failed: {error.orig}. Cure: {_cure(error)}"
            ) from error
        raise


_PAUSE = "another program writes without a pause; nothing was recorded: the same again in a while"
_LOST = (
    "move it away, then archivist catalog rebuild --out DIR makes it again; or put a backup in its "
    "place (*.backup beside it)"
)


def _cure(error: DBAPIError) -> str:
    reason = str(error.orig).lower()
    cures = {
        "full": "make room on its disk, then run the same command again",
        "readonly": "change its permissions, or name another catalog",
        "read-only": "change its permissions, or name another catalog",
        "locked": _PAUSE,
        "lock timeout": _PAUSE,
        "malformed": _LOST,
        "not a database": _LOST,
        "refused": "start the Postgres server, or check host and port",
        "authentication": "check user and password in the URL",
        "does not exist": "make the database first: createdb NAME",
    }
    return next(
        (cure for word, cure in cures.items() if word in reason),
        "check that it can be reached, then run the same command again",
    )
