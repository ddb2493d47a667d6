"""A plan in numbers: how often each step runs and why, and what that will cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from archivist.model import Action, Estimate, PageWork, WorkUnit
from archivist.plan.sizes import Sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the explanation: a step, what happens, why, how often, and one example."""

    step: str
    action: Action
    reason: str
    count: int
    example: str


def is_denied(page: PageWork) -> bool:
    """Tell whether the rights of a page forbid all that a plan would do with it."""
    return bool(page.tasks) and all(task.action is Action.DENIED for task in page.tasks)


def is_held(page: PageWork) -> bool:
    """Tell whether a page is left undone for the approved result of another scan."""
    return bool(page.tasks) and all(task.action is Action.HELD for task in page.tasks)


@dataclass(slots=True)
class Summary:
    """Counts a stream of units while it passes; small however many there are."""

    sizes: Sizes | None = None
    """Estimates the disk; without it that is not done."""
    units: int = 0
    assets: int = 0
    files: int = 0
    """The files that hold these assets, each copy counted."""
    idle_assets: int = 0
    denied_assets: int = 0
    """Assets of which every step is denied; they are not among the idle ones."""
    held_assets: int = 0
    """Assets whose places hold approved results of other scans; not among the idle ones."""
    seconds: float = 0.0
    ram_mib: float = 0.0
    vram_mib: float = 0.0
    output_bytes: int = 0
    store_bytes: int = 0
    _counts: Counter[tuple[int, str, Action, str]] = field(default_factory=Counter)
    _examples: dict[tuple[int, str, Action, str], str] = field(default_factory=dict)

    def watch(self, units: Iterable[WorkUnit]) -> Iterator[WorkUnit]:
        """Yield the units as they come, counting them."""
        for unit in units:
            self._count(unit)
            yield unit

    def _count(self, unit: WorkUnit) -> None:
        needed = False
        for file in unit.files:
            busy = False
            self.files += len(file.paths)
            for page in file.pages:
                runs = [t for t in page.tasks if t.action in (Action.RUN, Action.FOLLOW)]
                busy = busy or bool(runs)
                self.assets += 1
                denied, held = is_denied(page), is_held(page)
                self.denied_assets += denied
                self.held_assets += held
                self.idle_assets += not runs and not denied and not held
                for task in page.tasks:
                    row = (task.ordinal, task.step, task.action, task.reason)
                    self._counts[row] += 1
                    self._examples.setdefault(row, file.paths[0])
            if busy and self.sizes is not None:
                disk = [self.sizes.of(page) for page in file.pages]
                self.output_bytes += sum(one.outputs for one in disk) * len(file.paths)
                self.store_bytes += sum(one.store for one in disk)
            needed = needed or busy
        if needed:
            self.units += 1
            self.seconds += unit.seconds
            self.ram_mib = max(self.ram_mib, unit.ram_mib)
            self.vram_mib = max(self.vram_mib, unit.vram_mib)

    @property
    def busy_assets(self) -> int:
        """Assets with work to do."""
        return self.assets - self.idle_assets - self.denied_assets - self.held_assets

    @property
    def estimate(self) -> Estimate:
        """Seconds of one worker, peak memory of one worker, bytes of output."""
        return Estimate(
            seconds=self.seconds,
            ram_mib=math.ceil(self.ram_mib),
            vram_mib=math.ceil(self.vram_mib),
            output_bytes=self.output_bytes,
            store_bytes=self.store_bytes,
        )

    def lines(self) -> list[Line]:
        """Return the rows in the order of the recipe, most frequent first within a step."""
        rows = sorted(self._counts.items(), key=lambda item: (item[0][0], -item[1], item[0][3]))
        return [
            Line(step=row[1], action=row[2], reason=row[3], count=n, example=self._examples[row])
            for row, n in rows
        ]
