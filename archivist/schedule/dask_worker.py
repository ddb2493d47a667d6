"""What runs inside a Dask worker process; loaded there as a preload and by the batches."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from archivist.model import UnitOutcome, WorkUnit
from archivist.schedule.driver_watch import heed_driver
from archivist.schedule.guard import carry_out

if TYPE_CHECKING:
    from archivist.schedule.runner import Work

NICE = 5
"""Workers yield to whoever sits at the machine."""
OOM_SCORE = 500
"""When memory ends, the kernel shall take a worker, not the process that writes the catalog."""
MIB = 1024 * 1024


def dask_setup(worker: Any) -> None:
    """Settle in a worker process of our own (Dask calls it by this name before the first task)."""
    # Ctrl-C goes to the whole process group; only the first process decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    heed_driver()
    # What a library prints must not get between the results that the first process prints.
    os.dup2(2, 1)
    os.nice(NICE)
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text(str(OOM_SCORE), encoding="ascii")


def run_batch(work: bytes, units: bytes) -> tuple[bytes, float, float]:
    """Do pickled work on pickled units; return pickled outcomes, seconds, and MiB held after it.

    Bytes are opaque to Dask: it neither walks through them nor pickles them a second time.
    """
    started = time.perf_counter()
    outcomes = carry_out(_load_work(work), pickle.loads(units))  # noqa: S301 - sent by our driver
    seconds = time.perf_counter() - started
    return _dump(outcomes), seconds, psutil.Process().memory_info().rss / MIB


def dump_units(units: Sequence[WorkUnit]) -> bytes:
    """Return units as :func:`run_batch` takes them."""
    return pickle.dumps(tuple(units), protocol=pickle.HIGHEST_PROTOCOL)


def load_outcomes(data: bytes) -> list[UnitOutcome]:
    """Return the outcomes that :func:`run_batch` gave."""
    outcomes: list[UnitOutcome] = pickle.loads(data)  # noqa: S301 - made by our own worker
    return outcomes


@lru_cache(maxsize=4)
def _load_work(data: bytes) -> Work:
    work: Work = pickle.loads(data)  # noqa: S301 - sent by our driver
    return work


def _dump(outcomes: list[UnitOutcome]) -> bytes:
    return pickle.dumps(outcomes, protocol=pickle.HIGHEST_PROTOCOL)
