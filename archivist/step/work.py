"""What a worker does with a batch: open, run the steps, publish, and say what came of it.

The next file is read and decoded, and the last one encoded and written, while the present one is
computed on.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import psutil

from archivist.model import (
    AssetOutcome,
    FileWork,
    Handed,
    Publication,
    SetAside,
    UnitOutcome,
    Workshop,
    WorkUnit,
    now,
)
from archivist.step.bursts import Bursts, Ended
from archivist.step.chain import Chain
from archivist.step.files import (
    FileDraft,
    FileOutcome,
    Opened,
    compute_file,
    finish_files,
    open_file,
    stage_file,
)
from archivist.step.session import Session, session

OVERLAP_SHARE = 0.1
"""Files are overlapped only if one takes less than this share of the free memory: three are alive
in each worker, and there are other workers."""
WORTH_SECONDS = 0.02
"""Files that take less are not overlapped: handing them between threads costs 2 ms each."""


def run_units(units: Sequence[WorkUnit], workshop: Workshop) -> list[UnitOutcome]:
    """Carry out work units in this process and return one outcome for each, in their order.

    Nothing that one file does stops the others; every asset ends as done, skipped or failed.
    """
    here = session(workshop.allow, workshop.block, workshop.threads)
    chains = {unit.uid: Chain(unit, workshop, here) for unit in units}
    jobs = [
        (unit.uid, chains[unit.uid], file)
        for unit in units
        for file in unit.files
        if chains[unit.uid].works_on(file)
    ]
    largest = max((unit.ram_mib for unit in units), default=0.0)
    longest = max((unit.seconds for unit in units), default=0.0)
    if len(jobs) < 2 or longest < WORTH_SECONDS or largest > OVERLAP_SHARE * _free_mib():
        results = _in_turn(jobs, workshop, here)
    else:
        results = _overlapped(jobs, workshop, here)
    tally = {unit.uid: _Tally(unit) for unit in units}
    for (uid, *_), (outcome, began, seconds) in zip(jobs, results, strict=True):
        tally[uid].add(outcome, began, seconds)
    return [tally[unit.uid].outcome(here, chains[unit.uid].handed()) for unit in units]


def _free_mib() -> float:
    return float(psutil.virtual_memory().available) / 2**20


_Job = tuple[str, Chain, FileWork]
"""A file to be worked on, and what the files before it in its unit (named by its uid) hand on."""


def _in_turn(jobs: Sequence[_Job], workshop: Workshop, here: Session) -> Iterator[Ended]:
    """Do one file after another; only their publishing goes on beside the next."""
    with Bursts(workshop, here) as bursts:
        for _, chain, file in jobs:
            began, clock = now(), time.perf_counter()
            opened = open_file(file, workshop, here)
            draft = compute_file(opened, workshop, here, chain)
            yield from bursts.add(draft, began, clock)
        yield from bursts.rest()


def _overlapped(jobs: Sequence[_Job], workshop: Workshop, here: Session) -> Iterator[Ended]:
    ending: deque[tuple[Future[FileOutcome], datetime, float]] = deque()
    with ThreadPoolExecutor(1, "open") as readers, ThreadPoolExecutor(1, "publish") as writers:
        ahead: Future[Opened] = readers.submit(open_file, jobs[0][2], workshop, here)
        for number, (_, chain, _) in enumerate(jobs):
            began, clock = now(), time.perf_counter()
            opened = ahead.result()
            if number + 1 < len(jobs):
                ahead = readers.submit(open_file, jobs[number + 1][2], workshop, here)
            draft = compute_file(opened, workshop, here, chain)
            seconds = time.perf_counter() - clock
            ending.append((writers.submit(_finish_file, draft, workshop, here), began, seconds))
            if len(ending) > 1:
                yield _ended(*ending.popleft())
        while ending:
            yield _ended(*ending.popleft())


def _finish_file(draft: FileDraft, workshop: Workshop, here: Session) -> FileOutcome:
    (outcome,) = finish_files([stage_file(draft, workshop, here)], workshop)
    return outcome


def _ended(future: Future[FileOutcome], began: datetime, seconds: float) -> Ended:
    return future.result(), began, seconds


class _Tally:
    """Gathers the files of one unit."""

    def __init__(self, unit: WorkUnit) -> None:
        self.unit = unit
        self.assets: list[AssetOutcome] = []
        self.publications: list[Publication] = []
        self.set_aside: list[SetAside] = []
        self.began: datetime | None = None
        self.seconds = 0.0

    def add(self, outcome: FileOutcome, began: datetime, seconds: float) -> None:
        self.assets += outcome.assets
        self.publications += outcome.publications
        self.set_aside += outcome.set_aside
        self.began = self.began or began
        self.seconds += seconds

    def outcome(self, here: Session, handed: tuple[Handed, ...]) -> UnitOutcome:
        return UnitOutcome(
            unit=self.unit.uid,
            assets=tuple(self.assets),
            publications=tuple(self.publications),
            environment=here.environment,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            started=self.began or now(),
            seconds=self.seconds,
            peak_mib=here.peak_mib(),
            handed=handed,
            set_aside=tuple(self.set_aside),
        )
