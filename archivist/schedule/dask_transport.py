"""Brings batches to Dask workers: one future for each batch, sent to one worker by its address."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from distributed import Client, KilledWorker
from distributed.protocol import pickle as by_value

from archivist.schedule.batches import Batch
from archivist.schedule.dask_worker import dump_units, load_outcomes, run_batch
from archivist.schedule.dask_workers import workers_of
from archivist.schedule.flow import Arrival, End
from archivist.schedule.lanes import WorkerFacts
from archivist.schedule.runner import SchedulerError, Work

FETCH_SECONDS = 5.0
"""A result is a few kB; when it takes longer, the worker that holds it is gone."""
RESTART_SECONDS = 120


class DaskTransport:
    """A :class:`~archivist.schedule.flow.Transport` over a Dask client.

    The scheduler never holds more tasks than batches are in flight. ``exact`` is true for a cluster
    whose scheduler fails a task at the first death of its worker.
    """

    def __init__(self, client: Client, work: Work, *, exact: bool) -> None:
        self.exact = exact
        self._client = client
        # By value where a function lives in a script or a notebook, by name everywhere else.
        self._work = by_value.dumps(work)
        self._run = uuid4().hex
        self._futures: dict[int, Any] = {}
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._restarts: list[threading.Thread] = []
        self._known: Mapping[str, WorkerFacts] = {}

    def workers(self) -> Mapping[str, WorkerFacts]:
        """Return the workers that are there now. Raises SchedulerError without a scheduler.

        While the scheduler does not answer, those it told of last: the client connects again, or
        all that is in flight ends.
        """
        try:
            found = workers_of(self._client)
        except OSError:
            return self._known
        except (TimeoutError, ValueError) as error:
            raise SchedulerError(f"{_GONE} ({error})") from error
        self._known = {
            address: WorkerFacts(
                threads=facts["nthreads"],
                resources=facts["resources"],
                running=facts["status"] == "running",
            )
            for address, facts in found.items()
        }
        return self._known

    def send(self, flight: int, batch: Batch, address: str, needs: Mapping[str, float]) -> None:
        """Send a batch to one worker and no other; a death is never retried by Dask itself."""
        future = self._client.submit(
            run_batch,
            self._work,
            dump_units(batch.units),
            key=f"archivist-batch-{self._run}-{flight}",
            workers=[address],
            allow_other_workers=False,
            resources=dict(needs) or None,
            retries=0,
            pure=False,
        )
        self._futures[flight] = future
        future.add_done_callback(lambda _: self._ended.put(flight))

    def receive(self, timeout: float) -> Sequence[Arrival]:
        """Return what has arrived, waiting at most ``timeout`` seconds for the first."""
        flights: list[int] = []
        try:
            flights.append(self._ended.get(timeout=timeout))
            while True:
                flights.append(self._ended.get_nowait())
        except queue.Empty:
            pass
        return [self._open(flight) for flight in flights if flight in self._futures]

    def cancel(self, flight: int) -> None:
        """Forget a flight; a batch that has begun runs on to its end."""
        future = self._futures.pop(flight, None)
        if future is not None:
            self._client.cancel([future])

    def cancel_all(self) -> int:
        """Forget all flights; return how many there were."""
        futures = list(self._futures.values())
        self._futures.clear()
        if futures and self._client.status == "running":
            self._client.cancel(futures)
        return len(futures)

    def restart(self, address: str) -> None:
        """Replace the process of a worker, without waiting for it."""
        thread = threading.Thread(
            target=self._client.restart_workers,
            args=([address],),
            kwargs={"timeout": RESTART_SECONDS, "raise_for_error": False},
            name="archivist-restart-worker",
            daemon=True,
        )
        thread.start()
        self._restarts.append(thread)

    def close(self) -> None:
        """Wait for restarts that are under way, so that the cluster ends in order."""
        for thread in self._restarts:
            thread.join(RESTART_SECONDS)

    def _open(self, flight: int) -> Arrival:
        future = self._futures.pop(flight)
        try:
            if future.status == "error":
                return _error(flight, future.exception(timeout=FETCH_SECONDS))
            if future.cancelled():
                if self._client.status != "running":
                    raise SchedulerError(_GONE)
                return Arrival(flight=flight, end=End.LOST)
            data, seconds, rss = future.result(timeout=FETCH_SECONDS)
        except TimeoutError:
            self._client.cancel([future])
            return Arrival(flight=flight, end=End.LOST)
        finally:
            future.release()
        outcomes = load_outcomes(data)
        return Arrival(flight=flight, end=End.DONE, outcomes=outcomes, seconds=seconds, rss_mib=rss)


_GONE = (
    "the Dask scheduler does not answer any more. Nothing that was recorded is lost. Cure: see "
    "that it runs, then run the same command again"
)


def _error(flight: int, error: BaseException | None) -> Arrival:
    if isinstance(error, KilledWorker):
        return Arrival(flight=flight, end=End.KILLED)
    message = (
        f"a worker could not take its work: {type(error).__name__}: {error}. Cure: `archivist "
        "doctor` there; all workers need the same archivist, plugins and Python as this machine"
    )
    return Arrival(flight=flight, end=End.BROKEN, message=message)
