"""The frozen plan: work items, their pages and tasks, and the digest over all of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from archivist.catalog.bulk import change_rows, insert_rows
from archivist.catalog.outcomes import end_unworked
from archivist.catalog.repeats import Repeats, asset_ids
from archivist.catalog.rows import RunState
from archivist.catalog.tables import plan_candidates, plan_page, plan_task, run, work_item
from archivist.catalog.types import to_json
from archivist.model import (
    APPROVED,
    DENIED,
    Action,
    PageWork,
    Recipe,
    Supplied,
    Task,
    WorkUnit,
    lookalikes_digest,
    path_to_text,
)

_ITEM = ("run_id", "ordinal", "unit", "sequence", "estimated_seconds", "ram_mib", "vram_mib")
_ITEM_ALL = (*_ITEM, "state", "attempts")
_PAGE = ("run_id", "item", "file", "page", "asset_id", "paths", "supplied")
_CANDIDATES = ("run_id", "item", "file", "page", "port", "places")
_TASK = (
    "run_id",
    "item",
    "asset_id",
    "ordinal",
    "step",
    "version",
    "params_id",
    "action",
    "reason",
    "key",
)
ENDS = {Action.DENIED: DENIED, Action.HELD: APPROVED}
"""The code with which a page ends, as skipped, of which a plan says nothing but this."""
_REASONS = 1000
"""Different reasons that are counted by name; further ones are counted together."""


def needs_work(unit: WorkUnit) -> bool:
    """Tell whether any task of a unit will or may run."""
    return any(task.action in (Action.RUN, Action.FOLLOW) for task in _tasks(unit))


def count_pages(unit: WorkUnit) -> int:
    """Return how many pages a unit has: the span of a sequence has many."""
    return sum(len(file.pages) for file in unit.files)


class PlanStore:
    """Takes the units of a plan in batches, each in a transaction of its own."""

    def __init__(self, run_id: int, repeats: Repeats, has_work: Callable[[WorkUnit], bool]) -> None:
        self._run, self._repeats, self._has_work = run_id, repeats, has_work
        self._digest = hashlib.sha256()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._items = self._units = self._pages = 0
        self._seconds = self._ram = self._vram = 0.0
        self._snapshot = ""

    def add(self, connection: Connection, units: Sequence[WorkUnit]) -> None:
        """Store the units that have work; count and digest all of them."""
        working = [unit for unit in units if self._has_work(unit)]
        known = asset_ids(connection, {uid for unit in working for uid in _assets(unit)})
        first = self._items
        for unit in units:
            self._count(unit)
        numbered = list(enumerate(working, first))
        self._items += len(working)
        insert_rows(connection, work_item, _ITEM_ALL, [self._item(n, u) for n, u in numbered])
        rows = [row for n, unit in numbered for row in self._page_rows(n, unit, known)]
        insert_rows(connection, plan_page, _PAGE, rows)
        places = [row for n, unit in numbered for row in self._lookalike_rows(n, unit, known)]
        insert_rows(connection, plan_candidates, _CANDIDATES, places)
        tasks = [
            self._task(connection, n, known[task.asset], task)
            for n, unit in numbered
            for task in _tasks(unit)
        ]
        insert_rows(connection, plan_task, _TASK, tasks)
        for action, code in ENDS.items():
            ended = [page for unit in units for page in _pages(unit) if _is_all(page, action)]
            end_unworked(connection, self._run, ended, code)

    def freeze(self, connection: Connection, recipe: Recipe | None) -> str:
        """Close the plan: from now on the run is running; return the plan's digest."""
        if recipe is not None:
            number = self._repeats.recipe(connection, recipe)
            change_rows(connection, run, {"recipe_id": number}, {"id": [self._run]})
        digest, state = self._digest.hexdigest(), RunState.RUNNING.value
        frozen = {"plan_digest": digest, "plan": self._summary(), "state": state}
        change_rows(connection, run, frozen, {"id": [self._run]})
        return digest

    def _summary(self) -> dict[str, Any]:
        tasks = [[*key, count] for key, count in sorted(self._counts.items())]
        return {
            "units": self._units,
            "working_units": self._items,
            "assets": self._pages,
            "seconds": self._seconds,
            "ram_mib": self._ram,
            "vram_mib": self._vram,
            "tasks": tasks,
            **({"snapshot": self._snapshot} if self._snapshot else {}),
        }

    def _count(self, unit: WorkUnit) -> None:
        self._units += 1
        self._pages += count_pages(unit)
        self._snapshot = self._snapshot or next(_pages(unit)).snapshot
        if self._has_work(unit):
            self._seconds += unit.seconds
            self._ram, self._vram = max(self._ram, unit.ram_mib), max(self._vram, unit.vram_mib)
        for task in _tasks(unit):
            key = (task.step, task.action.value, task.reason)
            if key not in self._counts and len(self._counts) >= _REASONS:
                key = (task.step, task.action.value, "other reasons")
            self._counts[key] += 1
        self._digest.update(to_json(_frozen(unit)).encode() + b"\n")

    def _item(self, ordinal: int, unit: WorkUnit) -> tuple[Any, ...]:
        estimate = (unit.seconds, unit.ram_mib, unit.vram_mib)
        return (self._run, ordinal, unit.uid, unit.sequence, *estimate, "pending", 0)

    def _page_rows(
        self, item: int, unit: WorkUnit, known: dict[str, int]
    ) -> Iterator[tuple[Any, ...]]:
        for file_no, file in enumerate(unit.files):
            for page_no, page in enumerate(file.pages):
                paths = None if page_no else list(file.paths)
                supplied = [_supplied(value) for value in page.supplied] or None
                place = (item, file_no, page_no)
                yield (self._run, *place, known[page.asset.uid], paths, supplied)

    def _lookalike_rows(
        self, item: int, unit: WorkUnit, known: dict[str, int]
    ) -> Iterator[tuple[Any, ...]]:
        for file_no, file in enumerate(unit.files):
            for page_no, page in enumerate(file.pages):
                for port, found in page.lookalikes.items():
                    places = [[known[one.asset], one.region, one.near, one.cosine] for one in found]
                    yield (self._run, item, file_no, page_no, port, places)

    def _task(
        self, connection: Connection, item: int, asset_id: int, task: Task
    ) -> tuple[Any, ...]:
        params_id = self._repeats.params(connection, task.params)
        what = (task.ordinal, task.step, task.version, params_id)
        return (self._run, item, asset_id, *what, task.action.value, task.reason, task.key)


def _is_all(page: PageWork, action: Action) -> bool:
    return bool(page.tasks) and all(task.action is action for task in page.tasks)


def _pages(unit: WorkUnit) -> Iterator[PageWork]:
    return (page for file in unit.files for page in file.pages)


def _assets(unit: WorkUnit) -> Iterator[str]:
    """Yield the assets that a unit names: its pages and what looks like them."""
    for page in _pages(unit):
        yield page.asset.uid
        yield from (one.asset for found in page.lookalikes.values() for one in found)


def _tasks(unit: WorkUnit) -> Iterator[Task]:
    return (task for page in _pages(unit) for task in page.tasks)


def _supplied(value: Supplied) -> list[str]:
    return [value.port, path_to_text(value.path), value.digest]


def _frozen(unit: WorkUnit) -> list[object]:
    """Return what a plan promises about a unit; estimates are no promise."""
    files = [[file.digest, list(file.paths)] for file in unit.files]
    supplied = [_supplied(value) for page in _pages(unit) for value in page.supplied]
    tasks = [
        [t.asset, t.ordinal, t.step, t.version, t.params, t.action, t.reason, t.key]
        for t in _tasks(unit)
    ]
    looks = [
        [page.asset.uid, page.snapshot, port, lookalikes_digest(found)]
        for page in _pages(unit)
        for port, found in page.lookalikes.items()
    ]
    return [unit.uid, unit.sequence, files, supplied, tasks, *([looks] if looks else [])]
