"""Groups units into batches.

A batch is long enough to hide the cost of sending it (about 10 ms), and short enough to spread
evenly, to stop soon, and to lose little when a worker dies.
"""

from __future__ import annotations

import math
import pickle
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archivist.model import UnitOutcome, WorkUnit
from archivist.schedule.turns import Turns

TARGET_SECONDS = 5.0
"""Length of a batch where there is enough work."""
FIRST_SECONDS = 1.0
FIRST_UNITS = 8
"""Length before anything was measured: estimates may be wrong by a factor of ten or more."""
LEAST_SECONDS = 0.25
"""Below this a smaller batch gains nothing: sending it costs about 10 ms."""
MOST_UNITS = 64
"""Sending costs 0.2 ms a unit then; more would only lose more with a worker."""
MOST_BYTES = 48 * 1024
"""Size of a pickled batch, so that a message stays below 64 kB."""
_SHORTEST = 1e-3
_LEARNING_RATE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Units that one worker does in one go. ``seconds`` is expected, memory is of its largest unit.

    ``suspect`` marks a single unit that was on a worker when its process died: it travels alone.
    """

    units: tuple[WorkUnit, ...]
    seconds: float
    ram_mib: float = 0.0
    vram_mib: float = 0.0
    suspect: bool = False

    @classmethod
    def alone(cls, unit: WorkUnit) -> Batch:
        """Return the batch of one suspect."""
        return cls(
            units=(unit,),
            seconds=unit.seconds,
            ram_mib=unit.ram_mib,
            vram_mib=unit.vram_mib,
            suspect=True,
        )


class Pace:
    """Learns how measured times compare with estimates, for each class of memory."""

    def __init__(self) -> None:
        self._factors: dict[tuple[int, int], float] = {}
        self._last = 1.0

    @property
    def measured(self) -> bool:
        """True when there is at least one measurement."""
        return bool(self._factors)

    def seconds(self, unit: WorkUnit) -> float:
        """Return the expected time of a unit."""
        factor = self._factors.get(memory_class(unit), self._last)
        return max(_SHORTEST, unit.seconds) * factor

    def learn(self, batch: Batch, seconds: float) -> None:
        """Compare the measured time of a batch with the sum of its units' estimates."""
        key = memory_class(batch.units[0])
        ratio = seconds / sum(max(_SHORTEST, unit.seconds) for unit in batch.units)
        known = self._factors.get(key, ratio)
        self._last = self._factors[key] = known + _LEARNING_RATE * (ratio - known)


class Batcher:
    """Cuts a stream of units into batches of units that need about the same memory.

    It holds at most ``ahead`` units. Near the end of the stream, and in small archives, batches
    become shorter, so that all ``workers`` end at about the same time. ``most_bytes`` is None where
    batches stay in this process.
    """

    def __init__(
        self,
        units: Iterator[WorkUnit],
        *,
        workers: int,
        target_seconds: float = TARGET_SECONDS,
        most_units: int = MOST_UNITS,
        most_bytes: int | None = MOST_BYTES,
    ) -> None:
        self._units = units
        self._workers = max(1, workers)
        self._target = target_seconds
        self._most_units = most_units
        self._most_bytes = most_bytes
        self._pace = Pace()
        self._turns = Turns()
        self._shelves: dict[tuple[int, int], deque[tuple[int, WorkUnit]]] = {}
        self._held = 0
        self._order = 0
        self._ended = False

    @property
    def ahead(self) -> int:
        """How many units are held at most: two full batches for each worker, within reason."""
        return min(4096, 2 * self._workers * self._most_units)

    @property
    def held(self) -> int:
        """How many units are held now."""
        return self._held

    @property
    def more(self) -> bool:
        """False when the stream has ended and nothing is held."""
        return bool(self._held) or not self._ended

    def take(self) -> Batch | None:
        """Return the next batch, or None when there is none now.

        That is when the stream has ended, and as long as all that is held waits for its turn.
        """
        self._fill()
        if not self._shelves:
            return None
        shelf = min(self._shelves.values(), key=_age)
        units, seconds = self._cut(shelf, self._length())
        self._held -= len(units)
        self._shelves = {key: rest for key, rest in self._shelves.items() if rest}
        return Batch(
            units=tuple(units),
            seconds=seconds,
            ram_mib=max(unit.ram_mib for unit in units),
            vram_mib=max(unit.vram_mib for unit in units),
        )

    def learn(self, batch: Batch, seconds: float) -> None:
        """Take the measured time of a batch into account for the next ones."""
        self._pace.learn(batch, seconds)

    def release(self, batch: Batch, outcomes: Sequence[UnitOutcome]) -> None:
        """Take that a batch has ended; what waited for it in a sequence has its turn."""
        handed = {outcome.unit: outcome.handed for outcome in outcomes}
        for unit in batch.units:
            following = self._turns.ended(unit, handed.get(unit.uid, unit.handed))
            if following is not None:
                self._shelve(following)

    def _fill(self) -> None:
        while not self._ended and self._held < self.ahead:
            unit = next(self._units, None)
            if unit is None:
                self._ended = True
                return
            self._held += 1
            admitted = self._turns.admit(unit)
            if admitted is not None:
                self._shelve(admitted)

    def _shelve(self, unit: WorkUnit) -> None:
        shelf = self._shelves.setdefault(memory_class(unit), deque())
        shelf.append((self._order, unit))
        self._order += 1

    def _length(self) -> float:
        """Return how long the next batch may be, in seconds."""
        limit = self._target if self._pace.measured else min(FIRST_SECONDS, self._target)
        if self._ended:
            left = sum(
                self._pace.seconds(unit) for shelf in self._shelves.values() for _, unit in shelf
            )
            limit = min(limit, max(LEAST_SECONDS, left / (2 * self._workers)))
        return limit

    def _cut(
        self, shelf: deque[tuple[int, WorkUnit]], limit: float
    ) -> tuple[list[WorkUnit], float]:
        units: list[WorkUnit] = []
        seconds, size = 0.0, 0
        most = self._most_units if self._pace.measured else min(FIRST_UNITS, self._most_units)
        while shelf and len(units) < most:
            unit = shelf[0][1]
            more, weight = self._pace.seconds(unit), self._weight(unit)
            if units and (seconds + more > limit or size + weight > (self._most_bytes or 0)):
                break
            units.append(shelf.popleft()[1])
            seconds, size = seconds + more, size + weight
        return units, seconds

    def _weight(self, unit: WorkUnit) -> int:
        """Return the size of a unit in a message, 0 where none is sent."""
        return 0 if self._most_bytes is None else len(pickle.dumps(unit, protocol=5))


def memory_class(unit: WorkUnit) -> tuple[int, int]:
    """Return the class of a unit: units of a class need the same memory within a factor of two."""
    return _power(unit.ram_mib), _power(unit.vram_mib)


def _power(mib: float) -> int:
    return math.ceil(math.log2(mib / 64)) if mib > 64 else 0


def _age(shelf: deque[tuple[int, WorkUnit]]) -> int:
    return shelf[0][0]
