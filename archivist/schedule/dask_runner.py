"""The runners that use Dask: on this machine (``auto``) or on a cluster by its address."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol

from distributed import Client, SpecCluster

from archivist.model import UnitOutcome, WorkUnit
from archivist.schedule.batches import Batcher
from archivist.schedule.dask_local import kill_workers, local_cluster
from archivist.schedule.dask_remote import remote_cluster
from archivist.schedule.dask_transport import DaskTransport
from archivist.schedule.dask_workers import workers_of
from archivist.schedule.devices import BASE_MIB, Gpu, WorkerPlan, plan_workers, this_machine
from archivist.schedule.flow import Flow
from archivist.schedule.lanes import Lanes
from archivist.schedule.runner import Recycle, Requirement, Shared, Work
from archivist.schedule.serial import no_gpu
from archivist.schedule.stop import StopSignal


class Site(Protocol):
    """Where the workers are, and how they are started and ended."""

    @property
    def exact(self) -> bool:
        """True when the scheduler tells a worker's death for each batch that it had."""

    @property
    def budget_mib(self) -> float:
        """Memory that all workers together may fill."""

    @property
    def recycle(self) -> Recycle:
        """When worker processes are replaced."""

    def open(self, stack: ExitStack) -> Client:
        """Start or reach the workers; ``stack`` ends them."""

    def abandon(self) -> None:
        """End work in flight at once, where the workers are our own."""

    def describe(self, client: Client | None) -> str:
        """Say in one line how many workers of which kind there are."""


@dataclass(slots=True)
class LocalSite:
    """Worker processes on this machine, started for one run."""

    plan: WorkerPlan
    recycle: Recycle
    exact: bool = True
    _cluster: SpecCluster | None = None

    @property
    def budget_mib(self) -> float:
        """Memory that all workers together may fill."""
        return self.plan.budget_mib

    def open(self, stack: ExitStack) -> Client:
        """Start the workers."""
        client, self._cluster = stack.enter_context(local_cluster(self.plan))
        return client

    def abandon(self) -> None:
        """Kill the worker processes: every output is written whole or not at all."""
        if self._cluster is not None:
            kill_workers(self._cluster)

    def describe(self, client: Client | None) -> str:
        """Say what the plan says."""
        return self.plan.describe()


@dataclass(slots=True)
class RemoteSite:
    """Workers that somebody else started; they are neither replaced nor ended."""

    address: str
    requirement: Requirement
    shared: Shared
    exact: bool = False
    budget_mib: float = math.inf
    recycle: Recycle = Recycle(units=0, rss_mib=0)  # noqa: RUF009 - frozen

    def open(self, stack: ExitStack) -> Client:
        """Reach the cluster and check its workers."""
        manager: AbstractContextManager[Client] = remote_cluster(
            self.address, self.requirement, self.shared
        )
        return stack.enter_context(manager)

    def abandon(self) -> None:
        """Leave the workers alone; batches that have begun run to their end."""

    def describe(self, client: Client | None) -> str:
        """Say how many workers there are now."""
        if client is None:
            return f"the Dask cluster at {self.address}"
        workers = workers_of(client).values()
        gpus = sum(int(worker["resources"].get("GPU", 0)) for worker in workers)
        threads = sum(worker["nthreads"] for worker in workers)
        return (
            f"the Dask cluster at {self.address}: {len(workers)} workers, {threads} threads, "
            f"{gpus} GPUs"
        )


class DaskRunner:
    """A :class:`~archivist.schedule.runner.Runner` over the workers of a site."""

    def __init__(self, site: Site, requirement: Requirement) -> None:
        self._site, self._requirement = site, requirement
        self._stack = ExitStack()
        self._client: Client | None = None
        self._transports: list[DaskTransport] = []
        self._aborted = False

    @property
    def client(self) -> Client:
        """The Dask client, between entering and leaving."""
        assert self._client is not None, "enter the runner first"
        return self._client

    def __enter__(self) -> DaskRunner:
        with ExitStack() as stack:
            self._client = self._site.open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A caller that left its loop by an error still holds the generator of :meth:`run`.
        unfinished = sum(transport.cancel_all() for transport in self._transports)
        if unfinished or self._aborted:
            self._site.abandon()
        for transport in self._transports:
            transport.close()
        self._client = None
        self._stack.close()

    def describe(self) -> str:
        """Say in one line how many workers of which kind there are."""
        return self._site.describe(self._client)

    def run(
        self, units: Iterator[WorkUnit], work: Work, *, stop: StopSignal
    ) -> Iterator[UnitOutcome]:
        """Yield outcomes as they arrive; see :class:`~archivist.schedule.runner.Runner`."""
        transport = DaskTransport(self.client, work, exact=self._site.exact)
        self._transports.append(transport)
        lanes = Lanes(self._requirement, budget_mib=self._site.budget_mib)
        workers = sum(facts.threads for facts in transport.workers().values())
        batcher = Batcher(units, workers=workers)
        flow = Flow(transport, batcher, lanes, stop=stop, recycle=self._site.recycle)
        try:
            yield from flow.outcomes()
        finally:
            self._aborted |= transport.cancel_all() > 0


def local_runner(
    requirement: Requirement,
    *,
    workers: int | None,
    recycle: Recycle,
    gpus: Sequence[Gpu] | None,
    most_units: int | None,
    memory_mib: float,
) -> DaskRunner:
    """Return the runner ``auto``. Raises UsageError when a GPU is needed and there is none."""
    machine = this_machine(gpus)
    if requirement.needs_gpu and not machine.gpus:
        raise no_gpu()
    plan = plan_workers(
        machine, requirement, workers=workers, most_units=most_units, memory_mib=memory_mib
    )
    if recycle.rss_mib is None:
        recycle = replace(recycle, rss_mib=plan.memory_mib + BASE_MIB)
    return DaskRunner(LocalSite(plan, recycle), requirement)


def cluster_runner(address: str, requirement: Requirement, *, shared: Shared) -> DaskRunner:
    """Return the runner on an existing Dask cluster."""
    return DaskRunner(RemoteSite(address, requirement, shared), requirement)
