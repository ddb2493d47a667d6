"""The exports that a run brings up to date as its last act, when all else is recorded.

They are not made while outputs are published: what a worker signs would have another digest than
its record says, and no checkpoint of the ledger would cover it yet (docs/design/c2pa-as-an-export).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from archivist.api.errors import ArchivistError
from archivist.api.extensions import Exported
from archivist.catalog.session import Catalog, open_catalog
from archivist.catalog.writer import Writer
from archivist.config import Settings
from archivist.ledger.keys import find_signing_key
from archivist.model import clean_text
from archivist.pipeline.export_notes import Notes, state_of
from archivist.pipeline.exports_asked import Export, check_place, exports_of
from archivist.pipeline.job import Job
from archivist.plugins import Plugins
from archivist.report.export import update
from archivist.report.exported import FAILED_EVENT, MADE_EVENT
from archivist.report.gather import CatalogSource

PULSE_SECONDS = 10.0
"""How often it is said how far an export is, as for a run where there is no terminal."""


class ExportState(StrEnum):
    """How an export ended."""

    MADE = "made"
    """It is up to date, and something of it was made, removed or looked at."""
    CURRENT = "current"
    """Nothing that it tells of has changed since it was made."""
    FAILED = "failed"
    """All of it or some files could not be made; the next run tries again."""
    LEFT = "left"
    """The run was stopped before; the next one brings it up to date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """How an export ended; ``error`` is why all of it failed, with the cure."""

    export: Export
    state: ExportState
    counts: Exported = field(default_factory=Exported)
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Whose exports are made. ``home`` is ``.archivist`` of the output folder."""

    url: str
    home: Path
    settings: Settings
    scans: Path | None = None
    """Where the scans are, None for where the newest run found them."""


def bring_up_to_date(
    exports: tuple[Export, ...],
    archive: Archive,
    *,
    say: Callable[[str], None],
    again: bool = False,
) -> tuple[ExportResult, ...]:
    """Bring exports up to date, one after the other; none that fails keeps another from being made.

    What tells of nothing new is left alone, unless ``again``. We are the only writer meanwhile, so
    nobody else makes the same exports; people can review. Ctrl-C leaves the rest for the next time.
    """
    if not exports:
        return ()
    done: list[ExportResult] = []
    try:
        with _opened(archive) as catalog:
            for export in exports:
                done.append(_brought(export, catalog, archive, say, again))  # noqa: PERF401
    except KeyboardInterrupt:
        return (*done, *left(exports[len(done) :]))
    except ArchivistError as error:
        rest = exports[len(done) :]
        return (*done, *(_failed(export, error) for export in rest))
    return tuple(done)


def last_act(
    job: Job, stopped: bool, plugins: Plugins, say: Callable[[str], None]
) -> tuple[ExportResult, ...]:
    """Bring up to date what the configuration of a run asks for, once that has ended.

    After one that was ``stopped`` nothing is exported: exports tell of an archive at rest.
    """
    exports = exports_of(job.settings, plugins, job.home, job.config_file)
    if stopped:
        return tuple(left(exports))
    archive = Archive(url=job.url, home=job.home, settings=job.settings, scans=job.scans)
    return bring_up_to_date(exports, archive, say=say)


def left(exports: tuple[Export, ...]) -> Iterator[ExportResult]:
    """Yield the results of exports that are left for the next run."""
    return (ExportResult(export=export, state=ExportState.LEFT) for export in exports)


def _opened(archive: Archive) -> Catalog:
    """Open the catalog, with a checkpoint that covers all that the exports will tell of."""
    key = find_signing_key(archive.settings.ledger.signing_key, os.environ)
    catalog = open_catalog(archive.url, write=True, create=False, home=archive.home)
    try:
        Writer(catalog, sign=key.sign if key else None).checkpoint()
    except BaseException:
        catalog.close()
        raise
    return catalog


def _brought(
    export: Export, catalog: Catalog, archive: Archive, say: Callable[[str], None], again: bool
) -> ExportResult:
    try:
        source = CatalogSource(catalog, scans=archive.scans, out=archive.home.parent)
        check_place(export.place.parent, source.run.scans, archive.home, "")
        asked = state_of(catalog, source.run, export.exporter, export.params)
        notes = Notes.of(export.place.parent, catalog)
        name = export.place.name
        if notes.is_current(name, asked) and export.place.exists() and not again:
            return ExportResult(export=export, state=ExportState.CURRENT)
        notes.claim(export.place)
        say(f"Making the export {export.exporter.id}: {export.place}")
        pulse = _Pulse(say, export.exporter.id)
        counts = update(source, export.exporter, export.place, export.params, told=pulse)
        if not counts.failed:
            notes.keep(name, asked)
        _tell(catalog, source.run.uid, export, counts)
    except (ArchivistError, OSError) as error:
        failed = _failed(export, error)
        _tell_failure(catalog, failed)
        return failed
    state = ExportState.FAILED if counts.failed else ExportState.MADE
    return ExportResult(export=export, state=state, counts=counts)


class _Pulse:
    """Says now and then how far an export is: a first one may take hours."""

    def __init__(self, say: Callable[[str], None], name: str) -> None:
        self._say, self._name, self._since = say, name, time.monotonic()

    def __call__(self, pages: int) -> None:
        """Take note that an exporter has asked for so many pages."""
        if time.monotonic() - self._since >= PULSE_SECONDS:
            self._say(f"export {self._name}: {pages} pages so far")
            self._since = time.monotonic()


def _failed(export: Export, error: Exception) -> ExportResult:
    told = str(error)
    if isinstance(error, OSError):
        told = (
            f"{export.place} cannot be written: {error.strerror or error}. "
            "Cure: free space or give write permission there"
        )
    return ExportResult(export=export, state=ExportState.FAILED, error=told)


def _tell(catalog: Catalog, run: str, export: Export, counts: Exported) -> None:
    """Note in the history that an export was made; it decides nothing, so it enters no ledger."""
    detail = {
        "exporter": export.exporter.id,
        "place": str(export.place),
        "made": counts.made,
        "kept": counts.kept,
        "removed": counts.removed,
        "failed": len(counts.failed),
    }
    Writer(catalog).add_event(MADE_EVENT, run=run, detail=detail)


def _tell_failure(catalog: Catalog, result: ExportResult) -> None:
    """Note in the history why nothing of an export was made, for the report."""
    export = result.export
    detail = {
        "exporter": export.exporter.id,
        "place": str(export.place),
        "error": clean_text(result.error),
    }
    Writer(catalog).add_event(FAILED_EVENT, detail=detail)
