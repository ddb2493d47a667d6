"""Publishing in bursts: outputs get their names together, while the next files are worked on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from functools import partial
from types import TracebackType

from archivist.model import Workshop
from archivist.step.files import (
    FileDraft,
    FileOutcome,
    StagedFile,
    drop_files,
    finish_files,
    stage_file,
)
from archivist.step.session import Session

FILES = 64
SECONDS = 0.5
"""A burst is full after so many files or so long. They wait for the disk side by side, and the next
files do not wait for them; a kill loses at most two bursts. Smaller ones cost more: with 16 tiny
files each, all publishing took 1.4 times as long as with 64 (ext4)."""

LIGHT = 1 << 16
"""Samples of a file whose outputs are also written beside the next: making a new file takes ext4
0.02 to 0.5 ms. Of larger ones a burst would hold too many in memory."""

Ended = tuple[FileOutcome, datetime, float]
"""How a file ended, when it was begun, and the seconds it took."""
_Waiting = tuple[FileDraft | StagedFile, datetime, float]
_Burst = tuple[_Waiting, ...]


class Bursts(AbstractContextManager["Bursts"]):
    """Takes files whose steps are done, and gives back how they ended, in order, burst by burst.

    Where the block ends with an error, what did not get its name is removed.
    """

    def __init__(self, workshop: Workshop, here: Session) -> None:
        self._workshop = workshop
        self._stage = partial(stage_file, workshop=workshop, here=here)
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
        drop_files(file for burst in left for file, _, _ in burst if isinstance(file, StagedFile))

    def add(self, draft: FileDraft, began: datetime, clock: float) -> Iterator[Ended]:
        """Take a file; yield those of an earlier burst, if one must end before there is room.

        ``clock`` is the performance counter when the file was begun.
        """
        file = draft if draft.samples <= LIGHT else self._stage(draft)
        self._waiting.append((file, began, time.perf_counter() - clock))
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
        self._under_way.append((burst, self._publisher.submit(self._publish, burst)))
        self._waiting.clear()

    def _end(self) -> list[Ended]:
        ended = self._under_way[0][1].result()
        self._under_way.popleft()
        return ended

    def _publish(self, burst: _Burst) -> list[Ended]:
        """Publish the files of a burst, and share the time among them."""
        clock = time.perf_counter()
        staged: list[StagedFile] = []
        with ExitStack() as failed:
            failed.callback(drop_files, staged)
            # Not extend(): what was staged before an error must be known to be removed.
            for file, _, _ in burst:
                staged.append(file if isinstance(file, StagedFile) else self._stage(file))
            outcomes = finish_files(staged, self._workshop)
            failed.pop_all()
        share = (time.perf_counter() - clock) / max(1, len(burst))
        return [
            (outcome, began, seconds + share)
            for outcome, (_, began, seconds) in zip(outcomes, burst, strict=True)
        ]
