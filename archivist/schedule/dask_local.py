"""A Dask cluster on this machine, for one run: loopback only, no dashboard, no trace left."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker

import dask
import psutil
from distributed import Client, Nanny, Scheduler, SpecCluster

from archivist.schedule.devices import BASE_MIB, MIB, SHARE, WorkerPlan
from archivist.schedule.driver_watch import HEEDS
from archivist.schedule.runner import SchedulerError

HOST = "127.0.0.1"
_UNHEARD = {signal.SIGINT, signal.SIGTERM} if HEEDS else {signal.SIGINT}
START_SECONDS = 120
"""How long a worker may take to start on a busy machine."""
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",  # torch and most others
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "TIFFFILE_NUM_THREADS",
)


def worker_environment(threads: int) -> dict[str, str]:
    """Return the variables that a worker process must find when it starts."""
    return {
        **dict.fromkeys(_THREAD_VARIABLES, str(threads)),
        # Large arrays come and go: give their memory back to the system at once, and keep few
        # heaps, else a worker of several threads holds twice what it uses.
        "MALLOC_TRIM_THRESHOLD_": "65536",
        "MALLOC_ARENA_MAX": "2",
    }


@contextmanager
def local_cluster(plan: WorkerPlan) -> Iterator[tuple[Client, SpecCluster]]:
    """Start the workers of a plan, yield a client and the cluster, and end both in order."""
    # Libraries read their variables while the process starts, so they must be in the environment
    # that it inherits; Dask leaves them behind in ours, so ours is put back.
    with _environment(worker_environment(plan.threads)), dask.config.set(_config()):
        with _deaf_children():
            cluster = _start(plan)
        with cluster, Client(cluster, set_as_default=False) as client:
            yield client, cluster


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Let the threads and processes that are started in here not hear Ctrl-C and SIGTERM.

    A terminal, or who stops a service, sends them to every process of the run, also to a worker
    that is still importing; only the first process decides what they mean, and hears them when
    this ends. The mask is inherited, so it holds for the workers that Dask's thread starts later,
    too. What a worker does with SIGTERM: :mod:`archivist.schedule.driver_watch`.
    """
    if not hasattr(signal, "pthread_sigmask"):  # pragma: no cover - Windows
        yield
        return
    resource_tracker.ensure_running()  # its start lets the thread that starts it hear again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _UNHEARD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def kill_workers(cluster: SpecCluster) -> None:
    """End the worker processes at once; what they were at is not finished."""

    async def end() -> None:
        for nanny in cluster.workers.values():
            nanny.close_gracefully()  # so that it does not start another process
            if nanny.pid:
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(nanny.pid).kill()

    cluster.sync(end)


def _start(plan: WorkerPlan) -> SpecCluster:
    # The cluster silences Dask until it is closed; what is under way then speaks up afterwards,
    # of connections that were closed.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        return SpecCluster(
            scheduler={"cls": Scheduler, "options": _SCHEDULER},
            workers={number: _worker(plan, number) for number in range(plan.workers)},
            silence_logs=logging.CRITICAL,
            name="archivist",
        )
    except (OSError, RuntimeError, TimeoutError) as error:
        raise SchedulerError(
            f"the worker processes could not be started ({error}). Cure: run the same command "
            "again, with fewer --workers on a busy machine; --scheduler serial needs none"
        ) from error


_SCHEDULER = {
    "host": HOST,
    "port": 0,
    "dashboard": False,
    "dashboard_address": f"{HOST}:0",
    # The first death of a worker fails what it had: who is to blame is found out by flow.py.
    "allowed_failures": 0,
}


def _worker(plan: WorkerPlan, number: int) -> dict[str, object]:
    resources: dict[str, float] = {"MEMORY": plan.memory_mib}
    environment = worker_environment(plan.threads)
    if plan.gpus:
        gpu = plan.gpus[number]
        resources["GPU"] = 1.0
        if gpu.memory_mib:
            resources["VRAM"] = gpu.memory_mib
        # By UUID, so the order in which CUDA counts does not matter. In the worker it is cuda:0.
        environment["CUDA_VISIBLE_DEVICES"] = gpu.visible
    options = {
        "host": HOST,
        "nthreads": 1,
        "resources": resources,
        "env": environment,
        "memory_limit": _memory_limit(plan),
        "preload": ["archivist.schedule.dask_worker"],
        "death_timeout": START_SECONDS,
        "silence_logs": logging.CRITICAL,
        "dashboard": False,
    }
    return {"cls": Nanny, "options": options}


def _memory_limit(plan: WorkerPlan) -> int:
    """Return the size (bytes) at which a worker is ended before the machine runs out of memory.

    It is what was free at the start, not a worker's share: one large scan may take it all.
    """
    return int((plan.budget_mib + plan.workers * BASE_MIB) / SHARE * MIB)


def _config() -> Mapping[str, object]:
    """Return the settings of Dask that a run depends on, whatever the user's own are."""
    return {
        # Pausing or spilling at a share of memory would stall a worker; it holds no Dask data.
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": 0.95,
        "distributed.worker.daemon": True,
        "distributed.worker.multiprocessing-method": "spawn",
        "distributed.scheduler.work-stealing": False,
        # Short memories: what Dask keeps for its dashboard grows for an hour, then stays.
        "distributed.admin.log-length": 200,
        "distributed.admin.low-level-log-length": 200,
        "distributed.admin.system-monitor.log-length": 120,
        "distributed.admin.system-monitor.gil.enabled": False,
        "distributed.worker.profile.enabled": False,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        # A worker that takes long to come back is still wanted.
        "distributed.deploy.lost-worker-timeout": "1 hour",
        "distributed.nanny.pre-spawn-environ": worker_environment(1),
        # When workers are ended at once, Dask's own words are no help to anybody.
        "logging.distributed": "critical",
    }


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    former = {name: os.environ.get(name) for name in (*values, "PYTHONHASHSEED")}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
