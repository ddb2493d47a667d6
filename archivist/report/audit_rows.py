"""What an audit tells: plain frozen values, from which text, JSON and page are written.

Paths are text in the form of :func:`archivist.model.path_to_text`; times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from archivist.catalog.finding import Match
from archivist.catalog.fixity import Check
from archivist.catalog.lineage import Ending, Written
from archivist.catalog.replays import ReplayRow
from archivist.catalog.rows import Approval, EventRow, RunRow
from archivist.model import Artifact, Asset, Flag, InputUse, Role, Status, StepRecord
from archivist.report.audit_seal import Seal
from archivist.report.origin import Synthesis


class Condition(StrEnum):
    """In what condition a file is, compared with its record."""

    FINE = "as recorded"
    CHANGED = "changed since"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    NOT_CHECKED = "not checked"

    @property
    def gone(self) -> bool:
        """True when there is nothing that could be looked at, and nothing else in its place."""
        return self in (Condition.MISSING, Condition.UNREADABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file of the archive: where it should be, its recorded digest, how it was found now."""

    path: str
    """Relative to the scans or to the output folder."""
    digest: str
    condition: Condition
    file: Path | None = None
    """Absolute; None when it is not known where it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditInput:
    """A value that a step read. ``maker`` says in words where it came from."""

    use: InputUse
    maker: str
    paths: tuple[str, ...] = ()
    """Of a reference: where its file lies in the archive."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Of a reference: what the manifest says of it."""
    snapshot: str = ""
    """Of a reference: digest of the index in which it was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditArtifact:
    """A value that a step made, and where its file lies, if it was kept."""

    artifact: Artifact
    path: Path | None = None
    condition: Condition = Condition.NOT_CHECKED


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditStep:
    """A step that was carried out for this result, as recorded. ``run`` is where it was."""

    record: StepRecord
    run: str
    reused: bool
    """True when a later run took over what this record tells."""
    inputs: tuple[AuditInput, ...] = ()
    artifacts: tuple[AuditArtifact, ...] = ()
    environment: Mapping[str, object] = field(default_factory=dict)
    defaults: Mapping[str, object] | None = None
    """The default params of this very version; None when it is not installed here."""

    @property
    def worked(self) -> bool:
        """True when its result is part of the picture."""
        return self.record.status in (Status.DONE, Status.REUSED)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the trained weights it used."""
        return tuple(weight.name for weight in self.record.used_weights)

    @property
    def references(self) -> tuple[AuditInput, ...]:
        """The photographs that it may have borrowed from."""
        return tuple(one for one in self.inputs if one.use.role == Role.REFERENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFile:
    """An output file with its metadata contract."""

    written: Written
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What one run published of the photograph."""

    run: RunRow
    files: tuple[Written, ...]
    shown: bool
    """True for the one whose steps the audit shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """The synthesis map, or in ``missing`` the reason why there is none.

    ``titles`` and ``reasons`` go with the parts of the map; ``notes`` say what was compared.
    """

    synthesis: Synthesis | None = None
    titles: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """One page of one scan, with everything that is known of how its result came to be."""

    asset: Asset
    paths: tuple[str, ...]
    scan: Place
    run: RunRow | None
    """The run whose result is shown; None when no run has treated it."""
    steps: tuple[AuditStep, ...] = ()
    files: tuple[AuditFile, ...] = ()
    generations: tuple[Generation, ...] = ()
    endings: tuple[Ending, ...] = ()
    reviews: tuple[Approval, ...] = ()
    flags: tuple[Flag, ...] = ()
    """Those of results that are in use."""
    events: tuple[EventRow, ...] = ()
    replays: tuple[ReplayRow, ...] = ()
    """The times that recorded steps were done again for one of its outputs, oldest first."""
    checks: tuple[Check, ...] = ()
    """The newest recorded fixity check of the scan and of each output."""
    origins: Origins = field(default_factory=Origins)
    seal: Seal | None = None
    """Whether the records are as they were entered; None when that was not looked at."""

    @property
    def references(self) -> tuple[AuditInput, ...]:
        """All photographs that any step may have borrowed from."""
        return tuple(one for step in self.steps if step.worked for one in step.references)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The answer to one question. ``warnings`` stand above everything else."""

    asked: str
    digest: str
    """SHA-256 of the file that was given, empty when none was."""
    matches: tuple[Match, ...]
    warnings: tuple[str, ...]
    photographs: tuple[Photograph, ...]
    at: datetime
    version: str
