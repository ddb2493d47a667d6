"""Publishing in bursts: outputs get their names together, while the next files are worked on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType

from archivist.model import Workshop
from archivist.step.files import FileOutcome, StagedFile, drop_files, finish_files

FILES = 64
SECONDS = 0.5
"""A burst is full after so many files or so long. They wait for the disk side by side, and the next
files do not wait for them; a kill loses at most two bursts. Smaller ones cost more: with 16 tiny
files each, all publishing took 1.4 times as long as with 64 (ext4)."""

Ended = tuple[FileOutcome, datetime, float]
"""How a file ended, when it was begun, and the seconds it took."""
_Waiting = tuple[StagedFile, datetime, float]
_Burst = tuple[_Waiting, ...]


class Bursts(AbstractContextManager["Bursts"]):
    """Takes staged files and gives back how they ended, in their order, a burst at a time.

    Where the block ends with an error, what did not get its name is removed.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._publisher = ThreadPoolExecutor(1, "publish")
        self._waiting: list[_Waiting] = []
        self._under_way: deque[tuple[_Burst, Future[list[Ended]]]] = deque()
        self._since = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._publisher.shutdown(cancel_futures=True)
        left = [*(burst for burst, _ in self._under_way), self._waiting]
        drop_files(staged for burst in left for staged, _, _ in burst)

    def add(self, staged: StagedFile, began: datetime, seconds: float) -> Iterator[Ended]:
        """Take a file; yield those of an earlier burst, if one must end before there is room."""
        self._waiting.append((staged, began, seconds))
        if len(self._waiting) >= FILES or time.perf_counter() - self._since > SECONDS:
            self._begin()
            if len(self._under_way) > 1:
                yield from self._end()
            self._since = time.perf_counter()

    def rest(self) -> Iterator[Ended]:
        """Yield all that were not given back yet."""
        self._begin()
        while self._under_way:
            yield from self._end()

    def _begin(self) -> None:
        burst = tuple(self._waiting)
        self._under_way.append((burst, self._publisher.submit(_publish, burst, self._workshop)))
        self._waiting.clear()

    def _end(self) -> list[Ended]:
        ended = self._under_way[0][1].result()
        self._under_way.popleft()
        return ended


def _publish(burst: _Burst, workshop: Workshop) -> list[Ended]:
    """Publish the files of a burst, and share the time among them."""
    clock = time.perf_counter()
    outcomes = finish_files([staged for staged, _, _ in burst], workshop)
    share = (time.perf_counter() - clock) / max(1, len(burst))
    return [
        (outcome, began, seconds + share)
        for outcome, (_, began, seconds) in zip(outcomes, burst, strict=True)
    ]
