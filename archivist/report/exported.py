"""What became of the exports of an archive: those that its runs keep up to date, and others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from archivist.catalog import queries
from archivist.catalog.rows import EventRow
from archivist.catalog.session import Catalog
from archivist.report.rows import ReportExport

MADE_EVENT, FAILED_EVENT = "export.made", "export.failed"
"""Types of the events that tell of an export: made, though perhaps not whole; or not at all."""


def exports_of(catalog: Catalog, settings: object) -> tuple[ReportExport, ...]:
    """Return each export as it was made last: those that the settings of a run ask for first.

    One that is asked for and was never made is told too; one that nobody asks for, while it lies
    there.
    """
    newest: dict[str, EventRow] = {}
    for event in _events(catalog):
        newest[str(event.detail.get("exporter"))] = event
    asked = list(_asked(settings))
    there = (
        name
        for name, event in sorted(newest.items())
        if Path(str(event.detail.get("place"))).exists()
    )
    return tuple(_export(name, newest.get(name)) for name in dict.fromkeys([*asked, *there]))


def _events(catalog: Catalog) -> list[EventRow]:
    """Return the newest events that tell of exports, oldest first."""
    found = (
        one for kind in (MADE_EVENT, FAILED_EVENT) for one in queries.events(catalog, type=kind)
    )
    return sorted(found, key=lambda one: one.at)


def _asked(settings: object) -> Iterator[str]:
    publish = settings.get("publish") if isinstance(settings, Mapping) else None
    exports = publish.get("exports") if isinstance(publish, Mapping) else None
    yield from (str(name) for name in exports or ())


def _export(name: str, event: EventRow | None) -> ReportExport:
    if event is None:
        return ReportExport(exporter=name)
    counts = {key: int(str(event.detail.get(key) or 0)) for key in ("made", "kept", "failed")}
    return ReportExport(
        exporter=name, at=event.at, error=str(event.detail.get("error") or ""), **counts
    )
