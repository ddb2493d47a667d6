"""What is asked of the pipeline, and who is told how it goes."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from archivist.catalog.session import Catalog
from archivist.catalog.writer import Writer
from archivist.config import Settings, default_catalog, named_in_errors
from archivist.model import Recipe, UnitOutcome
from archivist.plugins import Plugins
from archivist.schedule.runner import StopSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request: which scans, where to, with which settings. The paths are absolute."""

    scans: Path
    out: Path
    settings: Settings
    config_file: Path | None = None
    """Where the settings come from; None for the defaults."""
    recipe: str | None = None
    catalog_url: str = ""
    scheduler: str = "auto"
    workers: int | None = None
    sample: int = 0
    where: str | None = None
    fail_fast: bool = False
    operator: str = ""
    override: bool = False
    retry: bool = False
    """Try again to embed pictures for which that failed."""
    reread: bool = False

    @property
    def home(self) -> Path:
        """The folder of catalog, store and scratch inside the output folder."""
        return self.out / ".archivist"

    @property
    def url(self) -> str:
        """The URL of the catalog."""
        return self.catalog_url or self.settings.catalog.url or default_catalog(self.out)

    @property
    def where_from(self) -> str:
        """Where the settings come from, for errors."""
        return named_in_errors(self.config_file)

    @property
    def who(self) -> str:
        """The operator's name for the record."""
        return self.operator or self.settings.operator or login()

    def facts(self) -> Mapping[str, object]:
        """Return the request and the settings in force, for the record."""
        return {
            "scans": str(self.scans),
            "out": str(self.out),
            "config": str(self.config_file or ""),
            "recipe": self.recipe or self.settings.recipe,
            "scheduler": self.scheduler,
            "sample": self.sample,
            "where": self.where or "",
            "override": self.override,
            "retry": self.retry,
            "settings": asdict(self.settings),
        }


def login() -> str:
    """Return the user's login name, empty where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return ""


class Watcher(Protocol):
    """Is told how a run goes: a progress display, a log, nothing."""

    def start(self, total_units: int, total_assets: int, seconds: float) -> None:
        """Work begins: how many units and assets, and the estimated seconds of one worker."""

    def outcome(self, outcome: UnitOutcome, names: Mapping[str, str]) -> None:
        """One unit has ended and is recorded; ``names`` are what people call its assets."""

    def note(self, text: str) -> None:
        """Something a person may want to know."""


class Silent:
    """A watcher that says nothing."""

    def start(self, total_units: int, total_assets: int, seconds: float) -> None:
        """Ignore it."""

    def outcome(self, outcome: UnitOutcome, names: Mapping[str, str]) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every part of a plan or run has at hand; ``run`` is its uid in the catalog."""

    job: Job
    recipe: Recipe
    plugins: Plugins
    catalog: Catalog
    writer: Writer
    run: str
    family: str
    """The device family of the work: cpu or cuda."""
    watcher: Watcher
    stop: StopSignal
    excluded: frozenset[str] = frozenset()
    """The uids of what the settings exclude as references; known after the scan."""
