"""What this machine has: cores, memory, GPUs; and how many workers that makes.

GPUs are asked from ``nvidia-smi``: importing torch here would cost seconds and GPU memory in a
process that computes nothing.
"""

from __future__ import annotations

import csv
import logging
import math
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from archivist.model import counted
from archivist.schedule.cgroups import cpu_quota, memory_left

if TYPE_CHECKING:
    from archivist.schedule.runner import Requirement

log = logging.getLogger(__name__)

MIB = 1024 * 1024
BASE_MIB = 350.0
"""Memory of a worker that has imported numpy, OpenCV and torch but works on nothing."""
SHARE = 0.8
"""Share of the free memory that workers may fill; the rest is for the page cache and others."""
_QUERY = "index,uuid,memory.total,name"


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: ``visible`` is what CUDA_VISIBLE_DEVICES must hold for a process to see only it."""

    visible: str
    name: str = "GPU"
    memory_mib: float = 0.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What may be used here: cores, memory in MiB that is free now, GPUs."""

    cores: int
    memory_mib: float
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """How many worker processes, with how many threads each.

    ``budget_mib`` is what the work of all workers together may take, ``memory_mib`` the share of
    one. ``gpus`` has one GPU for each worker, or is empty.
    """

    workers: int
    threads: int
    budget_mib: float
    memory_mib: float
    gpus: tuple[Gpu, ...] = ()

    def describe(self) -> str:
        """Say it in one line."""
        kind = "GPU" if self.gpus else "CPU"
        text = (
            f"{counted(self.workers, f'{kind} worker')}, {counted(self.threads, 'thread')} each, "
            f"{self.budget_mib / 1024:.1f} GiB of memory for images"
        )
        if self.gpus:
            names = [gpu.name for gpu in self.gpus]
            kinds = [f"{names.count(name)} x {name}" for name in dict.fromkeys(names)]
            text += f" ({', '.join(kinds)})"
        return text


def plan_workers(
    machine: Machine,
    requirement: Requirement,
    *,
    workers: int | None = None,
    most_units: int | None = None,
    memory_mib: float = 0.0,
) -> WorkerPlan:
    """Return how many workers fit, at least one, and divide the threads among them.

    There is one for each GPU where the work gains from GPUs, else as many as memory and cores
    allow. ``workers`` overrides the count, but no GPU ever gets two workers. There are never more
    workers than ``most_units``. Together they get ``memory_mib``, as far as it is free; 0 for
    most of what is.
    """
    usable = min(memory_mib, machine.memory_mib) if memory_mib else SHARE * machine.memory_mib
    if requirement.uses_gpu and machine.gpus:
        count = min(len(machine.gpus), workers or len(machine.gpus))
    elif workers is not None:
        count = workers
    else:
        count = min(machine.cores, int(usable // (requirement.ram_mib + BASE_MIB)))
    count = max(1, count if most_units is None else min(count, most_units))
    # Below one worker's need a budget would only hold work back: the unit runs alone anyway.
    budget = max(usable - count * BASE_MIB, requirement.ram_mib)
    return WorkerPlan(
        workers=count,
        threads=max(1, machine.cores // count),
        budget_mib=budget,
        memory_mib=budget / count,
        gpus=machine.gpus[:count] if requirement.uses_gpu else (),
    )


def this_machine(gpus: Sequence[Gpu] | None = None) -> Machine:
    """Return what this process may use; ``gpus`` replaces the ones that are found."""
    found = find_gpus() if gpus is None else tuple(gpus)
    return Machine(available_cores(), available_memory_mib(), found)


def available_cores() -> int:
    """Return how many cores this process may use: its affinity and the quota of its cgroups."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = cpu_quota()
    return max(1, cores if quota is None else min(cores, math.ceil(quota)))


def available_memory_mib() -> float:
    """Return how much memory is free for this process: of the machine and of its cgroups."""
    free = psutil.virtual_memory().available
    left = memory_left()
    return float(free if left is None else min(free, left)) / MIB


def find_gpus(environ: Mapping[str, str] = os.environ) -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs that this process may use, without touching them.

    An integer in CUDA_VISIBLE_DEVICES is read as ``nvidia-smi`` counts (by PCI bus).
    """
    if environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1", "none", "NoDevFiles"):
        return ()
    command = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except FileNotFoundError:
        return ()
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("nvidia-smi does not answer, so no GPU is used: %s", error)
        return ()
    return visible_gpus(parse_gpus(answer.stdout), environ.get("CUDA_VISIBLE_DEVICES"))


def parse_gpus(text: str) -> dict[str, Gpu]:
    """Return the GPUs in the CSV answer of ``nvidia-smi``, by index."""
    gpus: dict[str, Gpu] = {}
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(row) < 4:
            continue
        index, uuid, memory, name = (cell.strip() for cell in row[:4])
        digits = memory.split()[0] if memory else ""
        gpus[index] = Gpu(uuid, name, float(digits) if digits.isdigit() else 0.0)
    return gpus


def visible_gpus(gpus: Mapping[str, Gpu], visible: str | None) -> tuple[Gpu, ...]:
    """Return those GPUs that a value of CUDA_VISIBLE_DEVICES names, in its order.

    As CUDA does, the list ends at the first name that does not exist. A MIG slice, which the query
    does not list, is passed on by its name.
    """
    if visible is None:
        return tuple(gpus.values())
    chosen: list[Gpu] = []
    for name in (part.strip() for part in visible.split(",")):
        if name.startswith("MIG-"):
            chosen.append(Gpu(name, "MIG slice"))
            continue
        # CUDA takes any unambiguous beginning of a UUID.
        found = [
            gpu
            for index, gpu in gpus.items()
            if name == index or (name.startswith("GPU-") and gpu.visible.startswith(name))
        ]
        if len(found) != 1:
            break
        chosen += found
    return tuple(dict.fromkeys(chosen))
