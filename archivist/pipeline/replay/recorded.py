"""What the catalog holds of how outputs were made: frozen plans, records, settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from archivist.catalog import queries
from archivist.catalog.behind import Made, Plan, items_of, records_behind
from archivist.catalog.queue import planned_units
from archivist.catalog.reading import ids_of_assets
from archivist.catalog.rows import RunRow
from archivist.catalog.session import Catalog
from archivist.model import FileWork, OutputProfile, WorkUnit

Chain = tuple[tuple[Made, ...], Plan]
"""The records that led to the result of a page, in order, and its plan."""


@dataclass(frozen=True)
class RecordedRun:
    """A run as it was: its settings, and what it planned."""

    catalog: Catalog
    row: RunRow
    number: int
    _threads: dict[str, int] = field(default_factory=dict)

    @cached_property
    def _settings(self) -> Mapping[str, Any]:
        found = self.row.settings.get("settings")
        return found if isinstance(found, Mapping) else {}

    def setting(self, section: str, name: str, default: Any) -> Any:
        """Return a setting of that time, or ``default`` where it is not recorded."""
        found = self._settings.get(section)
        return found.get(name, default) if isinstance(found, Mapping) else default

    @cached_property
    def profiles(self) -> Mapping[str, OutputProfile]:
        """The output profiles of that time by name."""
        known = {one.name for one in fields(OutputProfile)}
        rows = self.setting("output", "profiles", ())
        found = [OutputProfile(**{k: v for k, v in row.items() if k in known}) for row in rows]
        return {one.name: one for one in found}

    def threads(self, environment: str) -> int:
        """Return how many threads a worker had in an environment; 0 where it is not recorded."""
        if environment not in self._threads:
            found = queries.environment(self.catalog, environment) or {}
            self._threads[environment] = int(found.get("threads") or 0)
        return self._threads[environment]

    def units(self, digests: Collection[str]) -> dict[str, tuple[WorkUnit, int]]:
        """Return by scan the planned unit that holds it, and its place in there."""
        assets = queries.assets_of(self.catalog, digests)
        uids = [asset.uid for pages in assets.values() for asset in pages]
        with self.catalog.reading() as connection:
            numbers = list(ids_of_assets(connection, uids))
            items = set(items_of(connection, self.number, numbers))
        found: dict[str, tuple[WorkUnit, int]] = {}
        for _, unit in planned_units(self.catalog, self.number, items):
            for place, file in enumerate(unit.files):
                # One that rests stands before a span of a sequence only for its results.
                if file.digest not in found or not file.rests:
                    found[file.digest] = unit, place
        return {digest: found[digest] for digest in digests if digest in found}

    def chains(self, file: FileWork) -> dict[str, Chain]:
        """Return the records behind each page of a file, by asset."""
        runs = {page.asset.uid: self.number for page in file.pages}
        return records_behind(self.catalog, runs)
