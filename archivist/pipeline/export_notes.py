"""What is noted beside exports: whose they are, and of which state of the archive they tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archivist.api.errors import UsageError
from archivist.api.extensions import ExporterSpec
from archivist.catalog import ledger, queries
from archivist.catalog.session import Catalog
from archivist.hashing import digest_file, digest_json
from archivist.plugins import make_params, plain_params
from archivist.report.export import is_ready
from archivist.report.rows import ReportRun
from archivist.store.atomic import is_temporary, replacing

FILE = ".exports.json"
_SCANNED = ("scan.absent", "scan.changed")
"""Types of the events that tell of scans which went away or are others now."""


def state_of(
    catalog: Catalog, run: ReportRun, exporter: ExporterSpec, params: Mapping[str, object]
) -> str:
    """Return a digest (SHA-256, hex) that stays as long as an export would tell the same.

    The size of the ledger stands for all records, publications, reviews, denials and withdrawals,
    because nothing is ever taken out of it; the manifest and the scans that went away do not enter
    it. To compare the rows themselves would take minutes for 100,000 photographs.
    """
    seen = [queries.events(catalog, type=kind, limit=1) for kind in _SCANNED]
    return digest_json(
        {
            "exporter": exporter.id,
            "params": plain_params(make_params(exporter, params)),
            "ready": is_ready(exporter, params),
            "ledger": _size(catalog),
            "manifest": _manifest(catalog, run),
            "scanned": [events[0].at if events else None for events in seen],
            "folders": [str(run.scans), str(run.out)],
        }
    )


def _size(catalog: Catalog) -> int:
    found = ledger.checkpoints(catalog)
    return found[-1].size if found else 0


def _manifest(catalog: Catalog, run: ReportRun) -> str:
    """Return the digest of the manifest of a run, empty where there is none by now."""
    settings: Any = queries.run(catalog, run.uid).settings.get("settings", {})
    name = settings.get("scan", {}).get("manifest", "")
    try:
        return digest_file(Path(name)) if name else ""
    except OSError:
        return ""


@dataclass(slots=True)
class Notes:
    """The file beside the exports of a folder."""

    folder: Path
    origin: str
    """Which catalog the exports are of, as checkpoints name it."""
    states: dict[str, str] = field(default_factory=dict)
    """Name of an export -> the state that it tells of, empty while it is being made."""

    @classmethod
    def of(cls, folder: Path, catalog: Catalog) -> Notes:
        """Return the notes of a folder. Raises UsageError when it is that of another archive."""
        with catalog.reading() as connection:
            origin = ledger.origin(connection)
        try:
            found = json.loads((folder / FILE).read_text("utf-8"))
            whose, states = found["catalog"], dict(found["exports"])
        except FileNotFoundError:
            return cls(folder, origin)
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{folder / FILE} is no longer what archivist wrote ({error!r}). Cure: move "
                f"{folder} away, or name another folder in publish.folder"
            ) from error
        if whose != origin:
            raise UsageError(
                f"{folder} holds the exports of another archive ({whose}). "
                "Cure: a folder for each archive in publish.folder"
            )
        return cls(folder, origin, states)

    def is_current(self, name: str, state: str) -> bool:
        """Tell whether an export tells of this state of the archive."""
        return self.states.get(name) == state

    def claim(self, place: Path) -> None:
        """Note that an export is being made; take away what one that was killed left behind.

        Raises UsageError when something lies at ``place`` that no run has put there.
        """
        there = place.exists() or place.is_symlink()
        if there and place.name not in self.states:
            raise UsageError(
                f"{place} is there already, and is no export of this archive. Cure: move it away, "
                "or name another folder in publish.folder"
            )
        if place.parent.is_dir():
            for one in place.parent.iterdir():
                if is_temporary(one.name) and one.is_dir():
                    shutil.rmtree(one, ignore_errors=True)
        self.keep(place.name, "")

    def keep(self, name: str, state: str) -> None:
        """Note of which state an export tells."""
        self.states[name] = state
        told = {"catalog": self.origin, "exports": self.states}
        with replacing(self.folder / FILE) as temporary:
            temporary.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
