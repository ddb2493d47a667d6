"""Counts what a run has done so far: by asset, by step, with rate and time left."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from archivist.model import Status, UnitOutcome

WINDOW_SECONDS = 60.0
"""The rate is of the last minute: long enough to be calm, short enough to follow the work."""

MARK_SECONDS = 0.25
"""How finely the rate is followed: 240 marks a minute, however fast assets end."""


@dataclass(slots=True)
class StepTally:
    """What one step has done: how its assets ended, and the seconds that its work took."""

    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """How many assets have passed this step, in whatever way."""
        return self.ends.total()

    @property
    def seconds_each(self) -> float:
        """Mean time of the assets for which it really ran."""
        return self.seconds / max(1, self.ends[Status.DONE] + self.ends[Status.FAILED])


class Tally:
    """Counts of a run, or of one pass of it. Times are seconds on ``clock``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()
        self.started = clock()
        self.total_units = self.total_assets = self.units = 0
        self.expected = 0.0
        self.ends: Counter[str] = Counter()
        self.steps: dict[str, StepTally] = {}

    def start(self, total_units: int, total_assets: int, seconds: float) -> None:
        """Begin a pass; ``seconds`` is the planner's estimate, used until there is a measurement.

        A run that takes references has two passes, each counted for itself.
        """
        self.total_units, self.total_assets, self.expected = total_units, total_assets, seconds
        self.units = 0
        self.ends, self.steps = Counter(), {}
        self._marks.clear()
        self.started = self._clock()
        self._marks.append((self.started, 0))

    def add(self, outcome: UnitOutcome) -> None:
        """Count a unit's outcome."""
        self.units += 1
        for asset in outcome.assets:
            self.ends[asset.status] += 1
            for record in asset.records:
                step = self.steps.setdefault(record.step, StepTally())
                step.ends[record.status] += 1
                if record.status in (Status.DONE, Status.FAILED):
                    step.seconds += record.seconds
        now = self._clock()
        if not self._marks or now - self._marks[-1][0] >= MARK_SECONDS:
            self._marks.append((now, self.assets))
        while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW_SECONDS:
            self._marks.popleft()

    @property
    def assets(self) -> int:
        """How many assets have ended."""
        return self.ends.total()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self.started

    @property
    def rate(self) -> float:
        """Assets a second over the last minute; 0 before the first."""
        if not self._marks or not self.assets:
            return 0.0
        since, before = self._marks[0]
        return (self.assets - before) / max(1e-3, self._clock() - since)

    @property
    def left(self) -> float | None:
        """Seconds that are left, as far as can be said; None when nothing can be said."""
        rest = self.total_assets - self.assets
        if rest <= 0:
            return 0.0
        if self.rate:
            return rest / self.rate
        return max(0.0, self.expected - self.elapsed) if self.expected else None


def duration(seconds: float | None) -> str:
    """Return a time for people: ``0:05``, ``12:03``, ``3:04:05``, ``2 d 3 h``; ``?`` for None."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def speed(rate: float) -> str:
    """Return assets a second for people; an hour is the unit where a second is too short."""
    if rate == 0 or rate >= 0.1:
        return f"{rate:.1f}/s"
    return f"{rate * 3600:.0f}/h"


def ends_text(ends: Counter[str], order: Iterable[str] = tuple(Status)) -> str:
    """Return counts in words: ``12 done, 3 skipped``."""
    return ", ".join(f"{ends[name]} {name}" for name in order if ends[name]) or "0 done"
