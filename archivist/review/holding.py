"""Tell a run that goes on which results were approved, so that it leaves them in place."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from archivist.api.errors import UsageError
from archivist.catalog import queries
from archivist.catalog.session import Catalog
from archivist.store.pins import pin, pins_folder, unpin


def run_at_work(catalog: Catalog) -> str | None:
    """Return the uid of the run that holds a catalog beside us, None when there is none."""
    newest = queries.runs(catalog, limit=1) if catalog.beside else ()
    return newest[0].uid if newest and newest[0].state.is_open else None


@contextmanager
def held(catalog: Catalog, out: Path | None, digests: Collection[str]) -> Iterator[None]:
    """Let a run leave the results of scans in place, before an approval is recorded.

    If the block fails, it may replace them again. Raises UsageError when it cannot be told.
    """
    run = run_at_work(catalog)
    if run is None or out is None or not digests:
        yield
        return
    folder = pins_folder(out / ".archivist", run)
    fresh: list[str] = []
    try:
        fresh = pin(folder, digests)
    except OSError as error:
        raise UsageError(
            f"the run that goes on cannot be told to leave the result ({folder}: "
            f"{error.strerror or error}). Cure: check the permissions there, or approve when the "
            "run has ended"
        ) from error
    try:
        yield
    except BaseException:
        unpin(folder, fresh)
        raise


def let_go(catalog: Catalog, out: Path | None, digests: Collection[str]) -> None:
    """Let a run replace the results of scans again, because they are not approved any more."""
    run = run_at_work(catalog)
    if run is not None and out is not None:
        unpin(pins_folder(out / ".archivist", run), digests)
