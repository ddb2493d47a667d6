"""Carries batches to workers and outcomes back, and finds the unit that kills its worker.

Everything that was on a worker when it died is tried again unit by unit, each alone on a worker; a
unit whose worker dies again is the culprit for certain, and every other unit is done.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Protocol

from archivist.model import UnitOutcome
from archivist.schedule.batches import Batch, Batcher
from archivist.schedule.guard import KILLED, failed, killed_text
from archivist.schedule.lanes import Lane, Lanes, WorkerFacts
from archivist.schedule.runner import Recycle, SchedulerError
from archivist.schedule.stop import StopSignal

log = logging.getLogger(__name__)

WAIT_SECONDS = 0.2
"""How long at most until a wish to stop is seen."""
LOOK_SECONDS = 0.5
"""How often the list of workers is asked for."""
GRACE_SECONDS = 3.0
"""How long the result of a worker that is gone may still be on its way."""
NO_WORKER_SECONDS = 90.0
"""How long to wait for a worker to come back."""
MOST_CULPRITS = 10
"""So many killers in a row, with no success between, are no coincidence."""


class End(Enum):
    """How a flight ended."""

    DONE = "done"
    KILLED = "killed"
    """The worker's process died while it had the batch."""
    LOST = "lost"
    """The batch never ran, or its result was lost; nobody is to blame."""
    BROKEN = "broken"
    """The worker could not even take the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The end of a flight. ``seconds`` and ``rss_mib`` are of the worker."""

    flight: int
    end: End
    outcomes: Sequence[UnitOutcome] = ()
    seconds: float = 0.0
    rss_mib: float = 0.0
    message: str = ""


class Transport(Protocol):
    """Brings batches to workers; Dask, or a fake in tests."""

    exact: bool
    """True when a worker's death is told for each batch that it had."""

    def workers(self) -> Mapping[str, WorkerFacts]:
        """Return the workers that are there now, by address."""

    def send(self, flight: int, batch: Batch, address: str, needs: Mapping[str, float]) -> None:
        """Send a batch to one worker and no other."""

    def receive(self, timeout: float) -> Sequence[Arrival]:
        """Return the flights that have ended, after at most ``timeout`` seconds."""

    def cancel(self, flight: int) -> None:
        """Forget a flight."""

    def restart(self, address: str) -> None:
        """Begin to replace the process of a worker to which nothing flies."""


class Flow:
    """One run of units through the workers."""

    def __init__(
        self,
        transport: Transport,
        batcher: Batcher,
        lanes: Lanes,
        *,
        stop: StopSignal,
        recycle: Recycle,
    ) -> None:
        self._transport, self._batcher, self._lanes = transport, batcher, lanes
        self._stop, self._recycle = stop, recycle
        self._flights: dict[int, tuple[Lane, Batch]] = {}
        self._numbers = count()
        self._suspects: deque[Batch] = deque()
        self._again: deque[Batch] = deque()
        self._looked = self._alive = 0.0
        self._culprits = 0
        self._fault: SchedulerError | None = None

    @property
    def flying(self) -> int:
        """How many batches are with workers."""
        return len(self._flights)

    def outcomes(self) -> Iterator[UnitOutcome]:
        """Yield outcomes as they arrive; see :meth:`archivist.schedule.runner.Runner.run`."""
        self._alive = time.monotonic()
        while not self._stop.aborted:
            arrivals = self._look()
            waits = self._send()
            if not self._flights and not waits:
                return
            arrivals.extend(self._transport.receive(WAIT_SECONDS))
            outcomes = [outcome for arrival in arrivals for outcome in self._settle(arrival)]
            self._send()  # so that the workers go on while the caller records
            yield from outcomes
            if self._fault is not None:
                raise self._fault

    def _look(self) -> list[Arrival]:
        """Look which workers are there; return the flights of those that are gone for good."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return []
        self._looked = now
        self._lanes.update(self._transport.workers())
        if len(self._lanes):
            self._alive = now
        elif now - self._alive > NO_WORKER_SECONDS:
            raise SchedulerError(
                f"no worker has come back for {NO_WORKER_SECONDS:.0f} s. Cure: look at the memory "
                "of the machine and at the log of the cluster, then run the same command again"
            )
        # A scheduler that is not exact waits for the address to come back, and never tells.
        end = End.LOST if self._transport.exact else End.KILLED
        gone = [
            flight
            for flight, (lane, _) in self._flights.items()
            if lane.gone_since is not None and now - lane.gone_since > GRACE_SECONDS
        ]
        for flight in gone:
            self._transport.cancel(flight)
        return [Arrival(flight=flight, end=end) for flight in gone]

    def _send(self) -> bool:
        """Send what the workers can take; return True when something waits to be sent."""
        if self._stop.draining:
            return False
        if self._more() and (leaver := self._lanes.leaver(self._recycle)) is not None:
            self._lanes.drop(leaver)
            self._transport.restart(leaver.address)
        while self._suspects:
            lane = self._lanes.choose(self._suspects[0])
            if lane is None and self._lanes.has_room(self._suspects[0]):
                return True  # it waits for memory: nothing may overtake it
            if lane is None:
                break
            self._launch(self._suspects.popleft(), lane)
        while (batch := self._next()) is not None:
            lane = self._lanes.choose(batch, spare=bool(self._suspects))
            if lane is None:
                self._again.appendleft(batch)
                break
            self._launch(batch, lane)
        return bool(self._suspects or self._again)

    def _more(self) -> bool:
        return bool(self._suspects or self._again) or self._batcher.more

    def _next(self) -> Batch | None:
        return self._again.popleft() if self._again else self._batcher.take()

    def _launch(self, batch: Batch, lane: Lane) -> None:
        flight = next(self._numbers)
        self._flights[flight] = (lane, batch)
        lane.flying.append(batch)
        self._transport.send(flight, batch, lane.address, self._lanes.resources(batch, lane))

    def _settle(self, arrival: Arrival) -> Sequence[UnitOutcome]:
        """Take an arrival into the books; return what it brought for the caller."""
        if arrival.flight not in self._flights:
            return ()
        lane, batch = self._flights.pop(arrival.flight)
        lane.flying.remove(batch)
        match arrival.end:
            case End.DONE:
                lane.units += len(batch.units)
                lane.rss_mib = arrival.rss_mib
                self._batcher.learn(batch, arrival.seconds)
                self._batcher.release(batch, arrival.outcomes)
                self._culprits = 0
                return arrival.outcomes
            case End.KILLED:
                self._lanes.drop(lane)
                if batch.suspect:
                    return [self._condemn(lane, batch)]
                log.warning("a worker process died; its %d units run alone", len(batch.units))
                self._suspects.extend(Batch.alone(unit) for unit in batch.units)
            case End.LOST:
                (self._suspects if batch.suspect else self._again).append(batch)
            case End.BROKEN:
                self._fault = SchedulerError(arrival.message)
        return ()

    def _condemn(self, lane: Lane, batch: Batch) -> UnitOutcome:
        self._culprits += 1
        if self._culprits >= MOST_CULPRITS:
            self._fault = SchedulerError(
                f"the worker process died with each of {self._culprits} scans, one after another: "
                "the fault is hardly theirs. Cure: `archivist doctor`, then --scheduler serial "
                "with --sample 1 to see the error itself"
            )
        (unit,) = batch.units
        outcome = failed(unit, KILLED, killed_text(unit), worker=lane.address)
        self._batcher.release(batch, [outcome])
        return outcome
