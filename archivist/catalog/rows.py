"""What the catalog's queries return: plain frozen values, never rows of a session."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from archivist.model import (
    Artifact,
    Asset,
    Flag,
    InputUse,
    KnownResult,
    MetadataContract,
    Publication,
    StepRecord,
    WeightUse,
)


class RunState(StrEnum):
    """Where a run stands."""

    PLANNING = "planning"
    """Scanning and planning; nothing was done yet."""
    RUNNING = "running"
    """The plan is frozen; work goes on."""
    DONE = "done"
    """It came to its end; single assets may have failed."""
    INTERRUPTED = "interrupted"
    """It was stopped; the same command again goes on."""
    FAILED = "failed"
    """A fault of archivist ended it."""

    @property
    def is_open(self) -> bool:
        """Whether a process should be at work on it."""
        return self in (RunState.PLANNING, RunState.RUNNING)


class Decision(StrEnum):
    """What a reviewer said about an asset's result."""

    APPROVE = "approve"
    """It stays: later runs leave it as it is."""
    REJECT = "reject"
    """It is not good; later runs may make it anew."""
    NOTE = "note"
    """A remark that decides nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStat:
    """A file as the last scan saw it: unchanged size and mtime save reading it again."""

    size: int
    mtime_ns: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRefusal:
    """A refusal of the last scan: a file of the same size and mtime is refused again."""

    path: str
    code: str
    reason: str
    status: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The newest finished (or reused) record of a step of an asset: what a new plan compares."""

    asset: str
    step: str
    version: int
    key: str
    record: str
    status: str
    reason: str
    params: Mapping[str, object]
    tiling: Mapping[str, object]
    inputs: tuple[InputUse, ...]
    weights: tuple[WeightUse, ...]
    result: KnownResult
    """What came out of it, as :func:`archivist.catalog.queries.known` gives it."""
    seed: int
    device: str
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An asset that failed in a run, with its files."""

    asset: str
    code: str
    message: str
    paths: tuple[str, ...]
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an asset ended in a run."""

    asset: str
    status: str
    code: str
    message: str
    seconds: float
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The output that lies at ``path`` now, as far as the catalog knows."""

    digest: str
    profile: str
    source: str
    path: str
    output_digest: str
    key: str
    """Digest of what was to be written, empty when it was not recorded."""
    size: int
    untouched: bool
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a person said about the result of an asset."""

    asset: str
    decision: Decision
    reviewer: str
    reason: str
    at: datetime
    records: tuple[str, ...]
    """Digests of the step records that were looked at."""
    results: tuple[str, ...] = ()
    """SHA-256 of the output files that were looked at; empty where that was not recorded."""
    redo: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Params with which it is to be made again, by step."""

    @property
    def wanted(self) -> str:
        """The params for another try as they were given: ``step.param=value, ...``."""
        return ", ".join(
            f"{step}.{name}={value}"
            for step, params in self.redo.items()
            for name, value in params.items()
        )

    def speaks_of(self, in_place: Collection[str]) -> bool:
        """Tell whether the output files that lie there now are those that were looked at.

        A review that names none is of the photograph, whatever lies there; one that names some does
        not speak of a place where none of the photograph lies any more.
        """
        return not self.results or (bool(in_place) and set(in_place) <= set(self.results))


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingUnit:
    """A unit of the frozen plan that is still to be done. ``ordinal`` is its place in the plan."""

    ordinal: int
    unit: str
    seconds: float
    ram_mib: float
    vram_mib: float
    sequence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCount:
    """How many tasks of a plan do the same for the same reason."""

    step: str
    action: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run. ``seconds``, ``ram_mib``, ``vram_mib`` are the plan's estimate."""

    uid: str
    command: str
    state: RunState
    operator: str
    started: datetime
    finished: datetime | None
    recipe: str | None
    recipe_digest: str | None
    settings: Mapping[str, object]
    plan_digest: str | None
    units: int = 0
    working_units: int = 0
    assets: int = 0
    seconds: float = 0.0
    ram_mib: float = 0.0
    vram_mib: float = 0.0
    tasks: tuple[PlanCount, ...] = ()
    snapshot: str = ""
    """Digest of the index of pictures in which the plan looked for references, if it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCount:
    """How many steps (or assets, when ``step`` is empty) of a run ended in a status."""

    step: str
    status: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRow:
    """An artifact with what made it and the files it belongs to."""

    asset: str
    paths: tuple[str, ...]
    step: str
    version: int
    status: str
    record: str
    artifact: Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetReport:
    """Everything a report tells about one asset."""

    asset: Asset
    paths: tuple[str, ...]
    status: str
    """done, skipped, failed, or ``pending`` when no run has treated it."""
    code: str = ""
    message: str = ""
    seconds: float = 0.0
    run: str | None = None
    records: tuple[StepRecord, ...] = ()
    """The newest record of each step of the recipe of that run, in the order of the recipe."""
    publications: tuple[Publication, ...] = ()
    approval: Approval | None = None
    flags: tuple[Flag, ...] = ()
    """What checks of plugins say of these records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event of the archive's history."""

    type: str
    at: datetime
    run: str | None
    asset: str | None
    detail: Mapping[str, object]
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRow:
    """A weight file that some step used, and how many step records name it."""

    weights: WeightUse
    uses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NearDuplicate:
    """Two assets that look alike: ``distance`` is the number of bits by which the hashes differ."""

    first: str
    second: str
    distance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedContract:
    """A publication whose metadata contract names losses."""

    source: str
    path: str
    profile: str
    contract: MetadataContract


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogInfo:
    """What ``catalog info`` shows. ``counts`` maps a table's name to its rows."""

    url: str
    backend: str
    server: str
    """Version of SQLite or Postgres."""
    schema: str
    instance: str
    size: int
    """Bytes on disk."""
    collection: str
    counts: Mapping[str, int] = field(default_factory=dict)
