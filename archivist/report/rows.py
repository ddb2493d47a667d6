"""The plain rows of a report: what a reader wants to know about a run, its files and its steps.

Everything in this package reads these and nothing of the database. Paths are text in the form of
:func:`archivist.model.path_to_text`; times are UTC; shares run from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from archivist.catalog.fixity import Check
from archivist.catalog.moved import LeftOver, Replaced
from archivist.catalog.rights import Denial
from archivist.model import (
    APPROVED,
    DENIED,
    Artifact,
    Flag,
    InputUse,
    MetadataContract,
    Status,
    WeightUse,
)
from archivist.report.lenders import ReportReference


class Result(StrEnum):
    """How a file of the archive ended, in the words of the report."""

    RESTORED = "restored"
    """At least one step changed the picture."""
    UNCHANGED = "unchanged"
    """No step was needed; the output equals the scan."""
    DENIED = "denied"
    """Rights forbid to restore it; an output from before may still be in place."""
    FAILED = "failed"
    """A step or the writing of the output failed; the scan is as it was."""
    HELD = "held"
    """The approved result of another scan lies in its place, and stays."""
    NOT_ASKED = "not asked"
    """No run was asked to treat it: ``--where`` or ``--sample`` left it out."""
    WAITING = "waiting"
    """Planned, but the run ended before its turn."""
    REFUSED = "refused"
    """The scan cannot be treated as it is."""
    SKIPPED = "skipped"
    """The file is no picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportExport:
    """An export as it was made last, in outputs or photographs; ``at`` is None for never."""

    exporter: str
    at: datetime | None = None
    made: int = 0
    kept: int = 0
    """So many were as they are before."""
    failed: int = 0
    error: str = ""
    """Why all of it failed, with the cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRun:
    """The run as a whole. ``retry`` is the command that does the failed ones again."""

    uid: str
    archive: str
    """The name of the folder of scans."""
    scans: Path
    out: Path
    recipe: str
    recipe_title: str = ""
    operator: str = ""
    started: datetime
    finished: datetime | None = None
    state: str = "finished"
    """running, finished, interrupted or failed."""
    machine: str = ""
    environment: Mapping[str, object] = field(default_factory=dict)
    """Software and devices at work, of the first record there is."""
    version: str = ""
    """The version of archivist."""
    checkpoint: str = ""
    """The newest checkpoint of the ledger, as one line; empty where there is none."""
    retry: str = ""
    exports: tuple[ReportExport, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    """Scans of which another file has taken the name, and that are nowhere any more."""
    left_over: tuple[LeftOver, ...] = ()
    """Outputs in place whose scan is gone, replaced or renamed."""

    @property
    def seconds(self) -> float | None:
        """How long the run took; None while it has no end."""
        return None if self.finished is None else (self.finished - self.started).total_seconds()

    @property
    def broken_exports(self) -> tuple[ReportExport, ...]:
        """The exports of which all or something could not be made when they were made last."""
        return tuple(one for one in self.exports if one.failed or one.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStep:
    """One step of one photograph."""

    ordinal: int
    step: str
    version: int
    title: str
    status: Status
    reason: str = ""
    code: str = ""
    seconds: float = 0.0
    distribution: str = ""
    distribution_version: str = ""
    device: str = ""
    conjectural: bool = False
    acts: tuple[str, ...] = ()
    """What rights might forbid of it."""
    params: Mapping[str, object] = field(default_factory=dict)
    defaults: Mapping[str, object] | None = None
    """The step's default params; None when its plugin is not installed here."""
    scores: Mapping[str, float] = field(default_factory=dict)
    tiling: Mapping[str, object] = field(default_factory=dict)
    weights: tuple[WeightUse, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    references: tuple[ReportReference, ...] = ()
    """The photographs that it might borrow from."""
    log: tuple[str, ...] = ()
    record: str = ""
    """Digest of the stored record."""
    started: datetime | None = None
    operator: str = ""
    inputs: tuple[InputUse, ...] = ()
    seed: int = 0
    determinism: str = ""
    key: str = ""
    """Digest of all that decides the result."""
    environment: str = ""
    """Digest of the environment."""
    parents: tuple[str, ...] = ()
    """Digests of the records that made the inputs."""

    @property
    def own_params(self) -> dict[str, object]:
        """The params that differ from the defaults; all of them when those are not known."""
        defaults = self.defaults
        if defaults is None:
            return dict(self.params)
        return {
            name: value
            for name, value in self.params.items()
            if name not in defaults or defaults[name] != value
        }

    @property
    def worked(self) -> bool:
        """True when the step's result, new or reused, is part of the picture."""
        return self.status in (Status.DONE, Status.REUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """An output file; ``path`` is relative to the output folder."""

    profile: str
    path: str
    digest: str
    size: int
    media_type: str = ""
    untouched: bool = False
    contract: MetadataContract = field(default_factory=MetadataContract)


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """Another scan that shows the same: ``distance`` in differing bits of 64, 0 with ``exact``."""

    path: str
    distance: int
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReview:
    """What a person said about the result: ``decision`` is approve or reject."""

    decision: str
    reviewer: str
    at: datetime
    reason: str = ""

    @property
    def said(self) -> str:
        """The decision as a past participle."""
        return {"approve": "approved", "reject": "rejected"}.get(self.decision, self.decision)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAsset:
    """One page of one scan. ``changed`` is the share of its pixels that were changed."""

    uid: str
    digest: str
    path: str
    page: int = 0
    pages: int = 1
    status: Status | None
    """None when the run has not come to it."""
    asked: bool = True
    """False when no run was asked to treat it."""
    code: str = ""
    message: str = ""
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    format: str = ""
    depth: int = 0
    colour: str = ""
    changed: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """The row of the manifest."""
    size: int = 0
    """Bytes of the scan's file, 0 when it is no longer there."""
    copies: tuple[str, ...] = ()
    """Other paths of the same bytes."""
    steps: tuple[ReportStep, ...] = ()
    files: tuple[ReportFile, ...] = ()
    similar: tuple[Similar, ...] = ()
    review: ReportReview | None = None
    flags: tuple[Flag, ...] = ()
    """What checks want a person to look at."""
    denied: tuple[Denial, ...] = ()
    """What rights deny to it by now."""
    fixity: tuple[Check, ...] = ()
    """The newest fixity check of the scan and of each output, where there was one."""

    @property
    def result(self) -> Result:
        """How the asset ended, in the words of the report."""
        if self.status is None:
            return Result.WAITING if self.asked else Result.NOT_ASKED
        if self.status is Status.FAILED:
            return Result.FAILED
        if self.code == DENIED:
            return Result.DENIED
        if self.code == APPROVED and not self.files:
            return Result.HELD
        untouched = all(file.untouched for file in self.files)
        if self.status is Status.SKIPPED and self.code != APPROVED:
            return Result.UNCHANGED
        return Result.UNCHANGED if self.files and untouched else Result.RESTORED

    @property
    def holds_denied(self) -> tuple[Denial, ...]:
        """What rights deny by now and the outputs in place still hold."""
        did = {act for step in self.steps if step.worked for act in step.acts}
        if not self.files or all(file.untouched for file in self.files):
            return ()
        return tuple(one for one in self.denied if one.act in did)

    @property
    def conjectural(self) -> tuple[str, ...]:
        """Titles of the steps whose result here contains invented content."""
        return tuple(step.title for step in self.steps if step.conjectural and step.worked)

    @property
    def mask(self) -> Artifact | None:
        """The newest mask that a step kept for this asset, or None."""
        return self.newest("mask")

    @property
    def references(self) -> dict[str, ReportReference]:
        """The photographs that the steps might borrow from, by uid."""
        return {one.uid: one for step in self.steps for one in step.references}

    def newest(
        self, kind: str, fits: Callable[[ReportStep, Artifact], bool] = lambda step, one: True
    ) -> Artifact | None:
        """Return the newest value of a kind that a step kept and that ``fits``, or None."""
        made = self.newest_made(kind, fits)
        return None if made is None else made[1]

    def newest_made(
        self, kind: str, fits: Callable[[ReportStep, Artifact], bool]
    ) -> tuple[ReportStep, Artifact] | None:
        """Return the same with the step that made it."""
        kept = [
            (step, artifact)
            for step in self.steps
            if step.worked
            for artifact in step.artifacts
            if artifact.kind == kind and artifact.kept and fits(step, artifact)
        ]
        return kept[-1] if kept else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRefusal:
    """A file that was not treated: refused with its cure, or skipped because it is no picture."""

    path: str
    code: str
    reason: str
    status: Status = Status.FAILED
    size: int = 0

    @property
    def result(self) -> Result:
        """Refused, or skipped."""
        return Result.SKIPPED if self.status is Status.SKIPPED else Result.REFUSED


class ReportSource(Protocol):
    """Where the rows come from. Both iterators may be asked for again and give the same order."""

    @property
    def run(self) -> ReportRun:
        """The run that is reported."""

    def assets(self) -> Iterator[ReportAsset]:
        """Yield the assets in a stable order, without holding them all."""

    def refusals(self) -> Iterator[ReportRefusal]:
        """Yield the files that were refused or skipped, by path."""
