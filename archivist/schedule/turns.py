"""The turns of a sequence: its units go one after another, each with what the one before made."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace

from archivist.model import Handed, WorkUnit


class Turns:
    """Holds units back as long as one of the same sequence is under way."""

    def __init__(self) -> None:
        self._under_way: set[str] = set()
        self._waiting: defaultdict[str, deque[WorkUnit]] = defaultdict(deque)
        self._handed: dict[str, Sequence[Handed]] = {}

    def admit(self, unit: WorkUnit) -> WorkUnit | None:
        """Return a unit as it may go now, or hold it back and return None."""
        if unit.sequence is None:
            return unit
        if unit.sequence in self._under_way:
            self._waiting[unit.sequence].append(unit)
            return None
        return self._sent(unit, unit.sequence)

    def ended(self, unit: WorkUnit, handed: Sequence[Handed]) -> WorkUnit | None:
        """Take that a unit has ended; return the next of its sequence, if it is there already."""
        if unit.sequence is None:
            return None
        self._handed[unit.sequence] = handed
        self._under_way.discard(unit.sequence)
        line = self._waiting[unit.sequence]
        return self._sent(line.popleft(), unit.sequence) if line else None

    def _sent(self, unit: WorkUnit, sequence: str) -> WorkUnit:
        self._under_way.add(sequence)
        return replace(unit, handed=tuple(self._handed.get(sequence, unit.handed)))
