"""What a runner is, what it needs to know, and which one a ``--scheduler`` names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from archivist.api.errors import ArchivistError, UsageError
from archivist.model import UnitOutcome, WorkUnit
from archivist.schedule.stop import Stop, StopSignal

if TYPE_CHECKING:
    from archivist.schedule.devices import Gpu

__all__ = [
    "Recycle",
    "Requirement",
    "Runner",
    "SchedulerError",
    "Shared",
    "Stop",
    "StopSignal",
    "Work",
    "make_runner",
]

Work = Callable[[Sequence[WorkUnit]], list[UnitOutcome]]
"""What a worker does with a batch; picklable, and one outcome for each unit in any order."""


class SchedulerError(ArchivistError):
    """The workers are gone or keep dying; what was recorded so far stays, the same run goes on."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What the work needs of a worker: memory in MiB for its largest usual unit, and a GPU.

    A unit that needs more than ``ram_mib`` says so itself and runs beside fewer others.
    """

    ram_mib: float = 512.0
    vram_mib: float = 0.0
    needs_gpu: bool = False
    """A step of the work cannot run without a GPU."""

    @property
    def uses_gpu(self) -> bool:
        """True when the work gains from a GPU: it needs one, or declares memory of one."""
        return self.needs_gpu or self.vram_mib > 0


@dataclass(frozen=True, slots=True)
class Recycle:
    """When a worker process is replaced by a fresh one, between two batches; 0 means never.

    ``rss_mib`` looks at the memory that a worker still holds after a batch; None stands for its
    share of the memory. It counts only after ``settle_units`` units, so that loaded networks alone
    never replace a worker again and again.
    """

    units: int = 5000
    rss_mib: float | None = None
    settle_units: int = 50


@dataclass(frozen=True, slots=True)
class Shared:
    """What every worker of a cluster on other machines must have as this process has it.

    ``distributions`` maps the names of installed packages to versions; ``read`` and ``write`` are
    folders of a file system that all machines see under the same path.
    """

    distributions: Mapping[str, str] = field(default_factory=dict)
    read: Sequence[Path] = ()
    write: Sequence[Path] = ()


class Runner(Protocol):
    """Carries units to workers and outcomes back; enter it to start workers, leave it to end them.

    It holds a bounded number of units, however many there are.
    """

    def __enter__(self) -> Runner:
        """Start or find the workers. Raises UsageError with the cure when there are none."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers that this runner started; at once when work is still in flight."""

    def run(
        self, units: Iterator[WorkUnit], work: Work, *, stop: StopSignal
    ) -> Iterator[UnitOutcome]:
        """Yield one outcome for each unit, in the order in which they end.

        Units are pulled as workers become free. A unit whose worker process dies with it is
        yielded as failed (``killed-worker``). Raises :class:`SchedulerError` when no worker is
        left. After ``stop`` was set, units without an outcome were not done.
        """

    def describe(self) -> str:
        """Say in one line how many workers of which kind there are."""


_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")


def check_scheduler(scheduler: str, workers: int | None) -> None:
    """Raise UsageError for a scheduler or a number of workers that cannot be, with the cure."""
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot work. Cure: --workers 1 or more")
    if scheduler not in ("auto", "serial") and not _ADDRESS.fullmatch(scheduler):
        raise UsageError(
            f"there is no scheduler {scheduler!r}. Cure: auto, serial, or the address of a Dask "
            "scheduler, for example tcp://10.0.0.5:8786"
        )


def make_runner(
    scheduler: str = "auto",
    *,
    workers: int | None = None,
    requirement: Requirement | None = None,
    recycle: Recycle | None = None,
    shared: Shared | None = None,
    gpus: Sequence[Gpu] | None = None,
    most_units: int | None = None,
    memory_mib: float = 0.0,
) -> Runner:
    """Return the runner that ``scheduler`` names: ``auto``, ``serial`` or ``tcp://HOST:PORT``.

    ``workers`` overrides the number of worker processes; ``most_units``, when known, is the number
    of units, so that no worker starts for nothing; ``memory_mib``, if any, is what workers on this
    machine may use together. ``gpus`` replaces the GPUs of this machine, for
    tests and benchmarks with simulated ones. Raises UsageError with the cure.
    """
    check_scheduler(scheduler, workers)
    requirement = requirement or Requirement()
    if scheduler == "serial":
        from archivist.schedule.serial import SerialRunner

        return SerialRunner(requirement, gpus=gpus)
    if scheduler == "auto":
        from archivist.schedule.dask_runner import local_runner

        return local_runner(
            requirement,
            workers=workers,
            recycle=recycle or Recycle(),
            gpus=gpus,
            most_units=most_units,
            memory_mib=memory_mib,
        )
    from archivist.schedule.dask_runner import cluster_runner

    return cluster_runner(scheduler, requirement, shared=shared or Shared())
