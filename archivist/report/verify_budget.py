"""Verify as much as a budget of time or bytes allows, what was looked at longest ago first.

What was read is recorded, so that the next budget goes on with the rest. What was not reached is
*not checked*, and what an earlier budget found damaged stays damaged until it is read again.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from archivist.catalog import fixity, queries
from archivist.catalog.fixity import NEVER, Check, Due
from archivist.catalog.session import Catalog
from archivist.model import counted, now, text_to_path
from archivist.report.verify import (
    CURES,
    Condition,
    Expected,
    Finding,
    Places,
    Subject,
    judge,
    replaced_originals,
    weights_away,
)
from archivist.report.words import moment
from archivist.store.blobs import BlobStore

_KEEP_CHECKS = 200
_KEEP_SECONDS = 2.0
"""Checks are recorded together: so many, or after so long. A kill loses at most that much."""
_GOOD = (Condition.FINE, Condition.REPLACED, Condition.UNSIGNED)
Keep = Callable[[Sequence[Check]], None]
"""Records checks."""
WHOLE_NAME = "all"
"""The name under which a check of all records of a kind is kept."""
Whole = Mapping[tuple[Subject, str], Callable[[], Iterator[Finding]]]
"""Checks of all records of a kind, or of a table, which cannot be cut in parts; with their name."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """How much may be read. Raises nothing: the first thing is always looked at."""

    seconds: float = math.inf
    size: float = math.inf
    clock: Callable[[], float] = time.monotonic
    _since: float | None = None
    _read: int = 0

    def take(self, size: int) -> bool:
        """Tell whether there is budget left, and spend it on something of this size."""
        if self._since is None:
            self._since = self.clock()
        elif self._read >= self.size or self.clock() - self._since >= self.seconds:
            return False
        self._read += size
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for: nothing that was checked since ``since`` is looked at again."""

    places: Places
    budget: Budget
    since: datetime
    whole: Whole = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Item:
    """Something to be looked at; the order is that of its last check."""

    last: datetime
    rank: int
    name: str
    subject: Subject = field(compare=False)
    expected: Expected | None = field(default=None, compare=False)
    size: int = field(default=0, compare=False)


def verify_within(catalog: Catalog, request: Request, keep: Keep) -> Iterator[Finding]:
    """Look at what is due, as far as the budget goes, and yield a finding for each thing."""
    started = now()
    checks = _Checks(keep)
    folders = _folders(request.places)
    away = [subject for subject, folder in folders.items() if not _is_there(folder)]
    try:
        with ThreadPoolExecutor(max_workers=request.places.threads) as pool:
            queue = _queue(catalog, request, [one for one in folders if one not in away])
            yield from _looked_at(queue, request, pool, checks)
    finally:
        checks.flush()
    for subject in folders:
        yield from _known_damage(catalog, subject, started)
        yield from _left(catalog, subject, request.since, folders[subject], subject in away)
    yield from replaced_originals(catalog)
    for row in queries.weights_seen(catalog):
        if request.places.weights(row.weights.name, row.weights.digest) is None:
            yield weights_away(row)
    for subject, name in request.whole:
        yield from _whole_left(catalog, subject, name, request.since)


def _looked_at(
    queue: Iterator[_Item], request: Request, pool: ThreadPoolExecutor, checks: _Checks
) -> Iterator[Finding]:
    ahead: deque[tuple[_Item, Future[tuple[Finding, float]]]] = deque()
    for item in queue:
        if not request.budget.take(item.size):
            break
        if item.expected is None:
            yield from checks.whole(item, request.whole[item.subject, item.name]())
            continue
        ahead.append((item, pool.submit(_timed, item.expected)))
        if len(ahead) > 4 * request.places.threads:
            yield checks.one(*ahead.popleft())
    while ahead:
        yield checks.one(*ahead.popleft())


def _timed(expected: Expected) -> tuple[Finding, float]:
    clock = time.perf_counter()
    return judge(expected), time.perf_counter() - clock


class _Checks:
    """Gathers checks and has them recorded."""

    def __init__(self, keep: Keep) -> None:
        self._keep, self._waiting, self._since = keep, list[Check](), time.monotonic()

    def one(self, item: _Item, future: Future[tuple[Finding, float]]) -> Finding:
        finding, seconds = future.result()
        self._add(item, finding.condition, finding.detail, seconds)
        return finding

    def whole(self, item: _Item, findings: Iterator[Finding]) -> Iterator[Finding]:
        clock, bad = time.perf_counter(), 0
        condition = Condition.FINE
        for finding in findings:
            if finding.condition not in _GOOD:
                condition, bad = finding.condition, bad + 1
            yield finding
        detail = counted(bad, "finding") if bad else ""
        self._add(item, condition, detail, time.perf_counter() - clock)

    def _add(self, item: _Item, condition: Condition, detail: str, seconds: float) -> None:
        self._waiting.append(
            Check(
                subject=str(item.subject),
                name=item.name,
                digest=item.expected.digest if item.expected else None,
                outcome=str(condition),
                detail=detail,
                at=now(),
                seconds=seconds,
            )
        )
        late = time.monotonic() - self._since > _KEEP_SECONDS
        if late or len(self._waiting) >= _KEEP_CHECKS:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._keep(self._waiting)
        self._waiting, self._since = [], time.monotonic()


# --- what is due ----------------------------------------------------------------------------


def _queue(catalog: Catalog, request: Request, subjects: Sequence[Subject]) -> Iterator[_Item]:
    """Yield everything that is due, what was checked longest ago first."""
    files = [
        _files(catalog, subject, rank, request)
        for rank, subject in enumerate(subjects)
        if subject is not Subject.WEIGHTS
    ]
    others = [*_weights(catalog, request), *_wholes(catalog, request)]
    return heapq.merge(*files, sorted(others))


def _files(catalog: Catalog, subject: Subject, rank: int, request: Request) -> Iterator[_Item]:
    folder = _folders(request.places)[subject]
    assert folder is not None, "subjects of unknown folders are left out"
    for one in fixity.due(catalog, str(subject), before=request.since):
        yield _Item(
            last=one.last,
            rank=rank,
            name=one.name,
            subject=subject,
            expected=Expected(subject, one.name, _path(subject, folder, one), one.digest),
            size=one.size,
        )


def _path(subject: Subject, folder: Path, one: Due) -> Path:
    if subject is Subject.STORED:
        return BlobStore(folder).path(one.digest)
    return folder / text_to_path(one.name)


def _weights(catalog: Catalog, request: Request) -> Iterator[_Item]:
    rows = {
        f"{row.weights.name} {row.weights.digest[:12]}": row.weights
        for row in queries.weights_seen(catalog)
    }
    last = fixity.last_checks(catalog, str(Subject.WEIGHTS), rows)
    for name, weight in rows.items():
        path = request.places.weights(weight.name, weight.digest)
        at = last[name].at if name in last else NEVER
        if path is not None and at < request.since:
            expected = Expected(Subject.WEIGHTS, name, path, weight.digest)
            yield _Item(last=at, rank=8, name=name, subject=Subject.WEIGHTS, expected=expected)


def _wholes(catalog: Catalog, request: Request) -> Iterator[_Item]:
    for rank, (subject, name) in enumerate(request.whole, start=9):
        last = fixity.last_checks(catalog, str(subject), [name])
        at = last[name].at if last else NEVER
        if at < request.since:
            yield _Item(last=at, rank=rank, name=name, subject=subject)


# --- what is left ---------------------------------------------------------------------------


def _folders(places: Places) -> dict[Subject, Path | None]:
    return {
        Subject.ORIGINAL: places.scans,
        Subject.OUTPUT: places.out,
        Subject.STORED: places.store,
    }


def _is_there(folder: Path | None) -> bool:
    return folder is not None and folder.is_dir()


def _known_damage(catalog: Catalog, subject: Subject, started: datetime) -> Iterator[Finding]:
    for one in fixity.damaged(catalog, str(subject), before=started):
        yield Finding(
            subject=subject,
            name=one.name,
            condition=Condition(one.outcome),
            detail=f"found {moment(one.at)} and not looked at since. {CURES[subject]}",
        )


def _left(
    catalog: Catalog, subject: Subject, since: datetime, folder: Path | None, away: bool
) -> Iterator[Finding]:
    found = fixity.state(catalog, str(subject), before=since)
    if not found.due:
        return
    why = "the budget is spent"
    cure = "the same command again goes on with them"
    if away:
        where = "it is not known where they are" if folder is None else f"there is no {folder}"
        option = "--scans DIR" if subject is Subject.ORIGINAL else "--out DIR"
        why, cure = where, f"connect the disk, or name the folder with {option}"
    never = f"{found.never:,} were never checked" if found.never else "each was checked before"
    yield Finding(
        subject=subject,
        name=f"{found.due:,} of {found.total:,}",
        condition=Condition.NOT_CHECKED,
        detail=f"{why}; {never}, the oldest check is of {moment(found.oldest) or 'no time'}. "
        f"Cure: {cure}",
        count=found.due,
    )


def _whole_left(
    catalog: Catalog, subject: Subject, name: str, since: datetime
) -> Iterator[Finding]:
    last = fixity.last_checks(catalog, str(subject), [name]).get(name)
    if last is None or last.at < since:
        yield Finding(
            subject=subject,
            name=name,
            condition=Condition.NOT_CHECKED,
            detail=f"last checked {moment(last.at) if last else 'never'}. "
            "Cure: the same command again goes on with them",
        )
