"""Failures and refusals, gathered by cause, so that a thousand of one kind read as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from archivist.model import Status
from archivist.report.rows import ReportAsset, ReportRefusal, ReportStep, Result
from archivist.report.tally import Tally

_OPEN_BELOW = 12
"""Groups with fewer entries are shown opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One file or page that was not finished. ``page`` counts from 1, 0 for the only page."""

    result: Result
    path: str
    code: str
    reason: str
    page: int = 0
    step: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Problems of one cause. ``count`` is of all, ``problems`` holds the first of them."""

    result: Result
    code: str
    count: int
    problems: tuple[Problem, ...]

    @property
    def more(self) -> int:
        """How many are counted but not held."""
        return self.count - len(self.problems)

    @property
    def noun(self) -> str:
        """What is counted, in words."""
        noun = "photograph" if self.result is Result.FAILED else "file"
        return noun if self.count == 1 else noun + "s"

    @property
    def open(self) -> bool:
        """True when the group is short enough to be shown at once."""
        return len(self.problems) < _OPEN_BELOW


class Problems:
    """The first ``limit`` problems, and as many skipped files, kept while rows stream by."""

    def __init__(self, limit: int) -> None:
        self.skipped: list[Problem] = []
        self._limit = limit
        self._room = {Result.FAILED: limit, Result.REFUSED: limit}
        self._found: dict[tuple[Result, str], list[Problem]] = {}

    def add_asset(self, asset: ReportAsset) -> None:
        """Keep the asset if it failed."""
        if asset.result is not Result.FAILED:
            return
        step = _failed_step(asset)
        self._keep(
            Problem(
                result=Result.FAILED,
                path=asset.path,
                page=asset.page + 1 if asset.pages > 1 else 0,
                code=asset.code,
                reason=asset.message or (step.reason if step else ""),
                step=f"{step.step} v{step.version}" if step else "",
                log=_last_words(step.log) if step else "",
            )
        )

    def add_refusal(self, refusal: ReportRefusal) -> None:
        """Keep the file, apart when it was only skipped."""
        problem = Problem(
            result=refusal.result, path=refusal.path, code=refusal.code, reason=refusal.reason
        )
        if problem.result is not Result.SKIPPED:
            self._keep(problem)
        elif len(self.skipped) < self._limit:
            self.skipped.append(problem)

    def groups(self, tally: Tally) -> list[Group]:
        """Return all causes, failures before refusals, the most frequent first."""
        order = {Result.FAILED: 0, Result.REFUSED: 1}
        causes = sorted(tally.codes.items(), key=lambda item: (order[item[0][0]], -item[1]))
        return [
            Group(
                result=result,
                code=code,
                count=count,
                problems=tuple(self._found.get((result, code), ())),
            )
            for (result, code), count in causes
        ]

    def _keep(self, problem: Problem) -> None:
        found = self._found.setdefault((problem.result, problem.code), [])
        # Each cause keeps its first one even when a frequent cause has taken all the room.
        if self._room[problem.result] > 0 or not found:
            self._room[problem.result] -= 1
            found.append(problem)


def _last_words(log: Sequence[str]) -> str:
    """Return the last message; of a traceback (the catalog has it whole) only its end."""
    last = log[-1] if log else ""
    places = re.findall(r'File "([^"\n]+)", line (\d+), in (\S+)', last)
    if "Traceback (most recent call last)" not in last or not places:
        return last
    file, line, function = places[-1]
    return f"error in {PurePath(file).name}, line {line}, in {function}"


def _failed_step(asset: ReportAsset) -> ReportStep | None:
    return next((step for step in asset.steps if step.status is Status.FAILED), None)
