"""The runner without other processes: for debugging, with the results of every other runner."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from archivist.api.errors import UsageError
from archivist.model import UnitOutcome, WorkUnit
from archivist.schedule.batches import Batcher
from archivist.schedule.devices import Gpu, find_gpus
from archivist.schedule.guard import carry_out
from archivist.schedule.stop import Interrupted, StopSignal

if TYPE_CHECKING:
    from archivist.schedule.runner import Requirement, Work

TARGET_SECONDS = 2.0
"""Length of a batch: how long Ctrl-C may have to wait, when units are short."""


class SerialRunner:
    """Does all work in this process and thread, batch after batch."""

    def __init__(self, requirement: Requirement, *, gpus: Sequence[Gpu] | None = None) -> None:
        self._requirement = requirement
        self._gpus = gpus

    def __enter__(self) -> SerialRunner:
        if self._requirement.needs_gpu:
            if self._gpus is None:
                self._gpus = find_gpus()
            if not self._gpus:
                raise no_gpu()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing was started, nothing is to be ended."""

    def describe(self) -> str:
        """Say that there are no workers."""
        return "one after another in this process"

    def run(
        self, units: Iterator[WorkUnit], work: Work, *, stop: StopSignal
    ) -> Iterator[UnitOutcome]:
        """Yield the outcomes batch by batch; see :class:`~archivist.schedule.runner.Runner`."""
        batches = Batcher(units, workers=1, target_seconds=TARGET_SECONDS, most_bytes=None)
        while not stop.draining and (batch := batches.take()) is not None:
            started = time.perf_counter()
            try:
                with stop.interruptible():
                    outcomes = carry_out(work, batch.units)
            except Interrupted:
                return
            batches.learn(batch, time.perf_counter() - started)
            batches.release(batch, outcomes)
            yield from outcomes


def no_gpu() -> UsageError:
    """Return the error for work that needs a GPU where there is none."""
    return UsageError(
        "a step of this recipe runs on a GPU only, and nvidia-smi shows none (CUDA_VISIBLE_DEVICES "
        "may hide it). Cure: a machine with an NVIDIA GPU, --scheduler tcp://HOST:PORT of a "
        'cluster whose workers declare --resources "GPU=1", or a recipe without that step'
    )
