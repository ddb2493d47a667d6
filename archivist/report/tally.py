"""Count a run in one pass over its rows: totals, time per step, and what went wrong."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field

from archivist.model import Status
from archivist.report.rows import ReportAsset, ReportRefusal, ReportSource, Result

_OF_ASSETS = (
    Result.RESTORED,
    Result.UNCHANGED,
    Result.DENIED,
    Result.HELD,
    Result.FAILED,
    Result.WAITING,
    Result.NOT_ASKED,
)


@dataclass(slots=True)
class StepTotal:
    """What one step did in the whole run; ``seconds`` is the time of all workers together."""

    step: str
    title: str
    ordinal: int
    versions: set[int] = field(default_factory=set)
    counts: Counter[Status] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def mean(self) -> float | None:
        """Seconds per photograph that the step really worked on, or None."""
        worked = self.counts[Status.DONE] + self.counts[Status.FAILED]
        return self.seconds / worked if worked else None


@dataclass(slots=True)
class Tally:
    """The counts of a run. ``results`` counts assets, and refused and skipped files."""

    results: Counter[Result] = field(default_factory=Counter)
    codes: Counter[tuple[Result, str]] = field(default_factory=Counter)
    conjectural: int = 0
    against_rights: int = 0
    """Assets with an output in place that holds what rights deny by now."""
    flagged: int = 0
    """Assets that a check wants a person to look at."""
    lossy: int = 0
    """Assets with an output whose metadata contract lists a loss."""
    worker_seconds: float = 0.0
    output_bytes: int = 0
    output_files: int = 0
    _steps: dict[str, StepTotal] = field(default_factory=dict)

    @property
    def assets(self) -> int:
        """How many assets the run has."""
        return sum(self.results[result] for result in _OF_ASSETS)

    @property
    def treated(self) -> int:
        """How many of these a run was asked to treat."""
        return self.assets - self.results[Result.NOT_ASKED]

    @property
    def steps(self) -> list[StepTotal]:
        """The steps in the order of the recipe."""
        return sorted(self._steps.values(), key=lambda total: (total.ordinal, total.step))

    def add_asset(self, asset: ReportAsset) -> None:
        """Count one asset with its steps and outputs."""
        result = asset.result
        self.results[result] += 1
        if result is Result.FAILED:
            self.codes[result, asset.code] += 1
        self.conjectural += bool(asset.conjectural)
        self.against_rights += bool(asset.holds_denied)
        self.flagged += bool(asset.flags)
        self.lossy += any(file.contract.lost for file in asset.files)
        self.worker_seconds += asset.seconds
        # The pages of a file share its outputs: they count with the first.
        if asset.page == 0:
            self.output_files += len(asset.files)
            self.output_bytes += sum(file.size for file in asset.files)
        for step in asset.steps:
            total = self._steps.setdefault(
                step.step, StepTotal(step.step, step.title, step.ordinal)
            )
            total.versions.add(step.version)
            total.counts[step.status] += 1
            if step.status is not Status.REUSED:
                total.seconds += step.seconds

    def add_refusal(self, refusal: ReportRefusal) -> None:
        """Count one file that was not treated."""
        self.results[refusal.result] += 1
        if refusal.result is Result.REFUSED:
            self.codes[refusal.result, refusal.code] += 1


def tally(source: ReportSource) -> Tally:
    """Count all rows of a run."""
    counts = Tally()
    for asset in source.assets():
        counts.add_asset(asset)
    for refusal in source.refusals():
        counts.add_refusal(refusal)
    return counts


class Chosen:
    """The ``limit`` assets that deserve a picture most, kept while rows stream by.

    What rights forbid by now comes first, then what a check wants looked at, then invented content,
    then the largest share of changed pixels, then restored before unchanged; equal ones in the
    order of their paths. Failed and waiting ones have no picture.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.candidates = 0
        self._heap: list[tuple[tuple[bool, bool, bool, float, bool], int, ReportAsset]] = []

    def offer(self, asset: ReportAsset) -> None:
        """Consider one asset."""
        if asset.result not in (Result.RESTORED, Result.UNCHANGED, Result.DENIED):
            return
        self.candidates += 1
        rank = (
            bool(asset.holds_denied),
            bool(asset.flags),
            bool(asset.conjectural),
            asset.changed if asset.changed is not None else -1.0,
            asset.result is Result.RESTORED,
        )
        # The running number is unique, so that assets themselves are never compared.
        entry = (rank, -self.candidates, asset)
        if len(self._heap) < self.limit:
            heapq.heappush(self._heap, entry)
        elif self.limit:
            heapq.heappushpop(self._heap, entry)

    def assets(self) -> list[ReportAsset]:
        """Return the chosen assets, the most worth looking at first."""
        return [asset for _, _, asset in sorted(self._heap, key=lambda e: e[:2], reverse=True)]
