"""Ordered sequences of files: film frames, pages of one object.

They matter only to a recipe with a step that reads what it made of the member before. Its members
are then planned and done in their order; in any other recipe they are files like all others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from archivist.api.steps import StepSpec
from archivist.model import WorkUnit
from archivist.plan.files import PlannedFile

T = TypeVar("T")

SPAN_FILES = 16
SPAN_SECONDS = 10.0
"""A span is closed after so many files, or so many seconds of estimated work: a kill loses at most
one. Shorter ones cost more: the first frame of each reads the result before it from the store."""
AT_ONCE = 64
"""Sequences that are planned side by side, so that as many workers have work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSequence:
    """A sequence with its files in order; they stream, and are gone through once."""

    name: str
    files: Iterable[PlannedFile]


def looks_back(specs: Sequence[StepSpec]) -> bool:
    """Tell whether a step reads what it made of the member before in a sequence."""
    return any(port.previous for spec in specs for port in spec.inputs)


def spans(name: str, units: Iterable[WorkUnit]) -> Iterator[WorkUnit]:
    """Join the units of the files of a sequence, in order, to spans: what is handed out at a time.

    A span begins with the last file before it that needs no work, so that its results are there;
    other files that need none before the first that does are no part of a span.
    """
    span: list[WorkUnit] = []
    resting: WorkUnit | None = None
    number = 0
    for unit in units:
        if not span and _rests(unit):
            if resting is not None:
                yield resting
            resting = unit
            continue
        if resting is not None:
            span, resting = [resting], None
        span.append(unit)
        if len(span) >= SPAN_FILES or sum(one.seconds for one in span) >= SPAN_SECONDS:
            number += 1
            yield _joined(name, number, span)
            span = []
    if span:
        yield _joined(name, number + 1, span)
    if resting is not None:
        yield resting


def _rests(unit: WorkUnit) -> bool:
    return all(file.rests for file in unit.files)


def _joined(name: str, number: int, span: Sequence[WorkUnit]) -> WorkUnit:
    return WorkUnit(
        uid=f"sequence {name} {number}",
        files=tuple(file for unit in span for file in unit.files),
        seconds=sum(unit.seconds for unit in span),
        ram_mib=max(unit.ram_mib for unit in span),
        vram_mib=max(unit.vram_mib for unit in span),
        sequence=name,
    )


def in_turns(lines: Iterable[Iterator[T]], at_once: int = AT_ONCE) -> Iterator[T]:
    """Yield from several streams by turns; a new one begins when one of those has ended."""
    waiting = iter(lines)
    going = deque(islice(waiting, at_once))
    while going:
        line = going.popleft()
        item = next(line, None)
        if item is None:
            going.extend(islice(waiting, 1))
        else:
            yield item
            going.append(line)
