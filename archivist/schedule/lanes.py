"""The books on the workers: what flies to which, what fits where, who is due for a fresh process.

Plain bookkeeping without any process or network. Each worker has a lane with a short queue, so it
is always known which batches were on a worker when it died, and when a suspect is alone on one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from archivist.schedule.batches import Batch
from archivist.schedule.runner import Recycle, Requirement

DEPTH = 2
"""Batches in flight for each thread of a worker: one at work, one that waits at its door."""
_RETIRED_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """What a cluster says about a worker; ``resources`` are the amounts that it declares."""

    threads: int = 1
    resources: Mapping[str, float] = field(default_factory=dict)
    running: bool = True


@dataclass(slots=True, eq=False)
class Lane:
    """One worker and what flies to it, oldest first."""

    address: str
    facts: WorkerFacts
    flying: list[Batch] = field(default_factory=list)
    units: int = 0
    rss_mib: float = 0.0
    leaving: bool = False
    gone_since: float | None = None

    @property
    def peak_mib(self) -> float:
        """Memory of the largest batch in flight, for each thread that may work on one."""
        return self.facts.threads * max((batch.ram_mib for batch in self.flying), default=0.0)

    @property
    def load(self) -> tuple[float, float]:
        """How much waits here, to compare lanes: batches for each thread, seconds."""
        return len(self.flying) / self.facts.threads, sum(batch.seconds for batch in self.flying)

    @property
    def taken(self) -> bool:
        """True when a suspect flies here: nothing may share the worker with it."""
        return any(batch.suspect for batch in self.flying)

    def room(self, batch: Batch) -> bool:
        """Return True when the lane takes one more batch of this kind now."""
        if self.leaving or self.taken or self.gone_since is not None or not self.facts.running:
            return False
        most = 1 if batch.suspect else DEPTH * self.facts.threads
        return len(self.flying) < most

    def size(self, name: str) -> float:
        """Return how much of a resource the worker declares; what is not declared is no limit."""
        return self.facts.resources.get(name, math.inf)

    def due(self, recycle: Recycle) -> bool:
        """Return True when the worker's process shall be replaced."""
        by_units = 0 < recycle.units <= self.units
        by_memory = 0 < (recycle.rss_mib or 0) <= self.rss_mib
        return by_units or (by_memory and self.units >= recycle.settle_units)


class Lanes:
    """All lanes. ``budget_mib`` bounds what all workers hold at once, when they share a machine."""

    def __init__(self, requirement: Requirement, *, budget_mib: float = math.inf) -> None:
        self._requirement = requirement
        self._budget = budget_mib
        self._lanes: dict[str, Lane] = {}
        self._retired: dict[str, float] = {}

    def __len__(self) -> int:
        return sum(lane.gone_since is None for lane in self._lanes.values())

    def update(self, found: Mapping[str, WorkerFacts]) -> None:
        """Add workers that are new, and mark those that are gone."""
        now = time.monotonic()
        self._retired = {
            address: since
            for address, since in self._retired.items()
            if address in found and now - since < _RETIRED_SECONDS
        }
        for address, facts in found.items():
            if address in self._retired or not self._useful(facts):
                continue
            lane = self._lanes.setdefault(address, Lane(address, facts))
            lane.facts, lane.gone_since = facts, None  # it may have been away for a moment
        for address, lane in list(self._lanes.items()):
            if address not in found:
                lane.gone_since = lane.gone_since or now
                if not lane.flying:
                    del self._lanes[address]

    def drop(self, lane: Lane) -> None:
        """Forget a worker that died or is about to be replaced."""
        self._lanes.pop(lane.address, None)
        lane.gone_since = lane.gone_since or time.monotonic()
        self._retired[lane.address] = time.monotonic()

    def choose(self, batch: Batch, *, spare: bool = False) -> Lane | None:
        """Return the lane for a batch, or None when it must wait.

        With ``spare`` the least busy lane is left alone, so that it becomes free for a suspect.
        """
        lanes = self._able(batch)
        if spare and lanes and not any(lane.taken for lane in lanes):
            lanes.remove(min(lanes, key=lambda lane: lane.load))
        fitting = [lane for lane in lanes if lane.room(batch) and self._affordable(batch, lane)]
        return min(fitting, key=lambda lane: lane.load, default=None)

    def has_room(self, batch: Batch) -> bool:
        """Return True when a lane has room for a batch, whether or not there is memory for it."""
        return any(lane.room(batch) for lane in self._able(batch))

    def leaver(self, recycle: Recycle) -> Lane | None:
        """Return a worker to replace now: it is due and nothing flies to it any more.

        Only one worker leaves at a time; from when it is due it gets nothing new.
        """
        leaving = [lane for lane in self._lanes.values() if lane.leaving]
        if not leaving:
            leaving = [lane for lane in self._lanes.values() if lane.due(recycle)][:1]
            for lane in leaving:
                lane.leaving = True
        return next((lane for lane in leaving if not lane.flying), None)

    def resources(self, batch: Batch, lane: Lane) -> dict[str, float]:
        """Return what to ask of the worker for a batch, of what it declares and at most that."""
        wanted = {"MEMORY": batch.ram_mib, "VRAM": batch.vram_mib}
        if self._requirement.uses_gpu:
            wanted["GPU"] = 1.0
        declared = lane.facts.resources
        return {
            name: min(amount, declared[name])
            for name, amount in wanted.items()
            if amount > 0 and name in declared
        }

    def _useful(self, facts: WorkerFacts) -> bool:
        return not self._requirement.needs_gpu or facts.resources.get("GPU", 0) >= 1

    def _able(self, batch: Batch) -> list[Lane]:
        """Return the lanes whose workers are large enough; the largest when none is."""
        lanes = list(self._lanes.values())
        for name, need in (("MEMORY", batch.ram_mib), ("VRAM", batch.vram_mib)):
            most = max((lane.size(name) for lane in lanes), default=0.0)
            lanes = [lane for lane in lanes if lane.size(name) >= min(need, most)]
        return lanes

    def _affordable(self, batch: Batch, lane: Lane) -> bool:
        """Return True when the batch fits beside the largest that the other workers may hold.

        A batch that is larger than everything runs when nothing else does.
        """
        others = sum(other.peak_mib for other in self._lanes.values() if other is not lane)
        own = max(lane.peak_mib, lane.facts.threads * batch.ram_mib)
        return others == 0 or others + own <= self._budget
