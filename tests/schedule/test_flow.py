from __future__ import annotations

import pytest

from archivist.model import Status
from archivist.schedule import flow
from archivist.schedule.batches import Batcher
from archivist.schedule.flow import Arrival, End, Flow
from archivist.schedule.guard import KILLED, carry_out
from archivist.schedule.lanes import Lanes, WorkerFacts
from archivist.schedule.runner import Recycle, Requirement, SchedulerError
from archivist.schedule.stop import StopSignal


class FakeTransport:
    """Workers in this process; each does the oldest of its batches when asked to receive.

    A unit named ``kill...`` ends its worker, and everything that was on it is told so, when
    ``exact``; results of ``lose...`` are lost once.
    """

    def __init__(self, work, count: int = 2) -> None:
        self.exact = True
        self._work = work
        self._queues: dict[str, list] = {f"w{number}": [] for number in range(count)}
        self._next = count
        self.sent: list[tuple[str, tuple[str, ...]]] = []
        self.restarted: list[str] = []
        self.lost: set[str] = set()
        self.most_flying = 0

    def workers(self):
        return {address: WorkerFacts() for address in self._queues}

    def send(self, flight, batch, address, needs):
        self.sent.append((address, tuple(unit.uid for unit in batch.units)))
        self._queues[address].append((flight, batch))
        self.most_flying = max(self.most_flying, sum(map(len, self._queues.values())))

    def receive(self, timeout):
        arrivals = []
        for address, waiting in list(self._queues.items()):
            if not waiting:
                continue
            flight, batch = waiting[0]
            if any(unit.uid.startswith("kill") for unit in batch.units):
                if self.exact:
                    arrivals += [Arrival(flight=number, end=End.KILLED) for number, _ in waiting]
                self.restart(address)
                continue
            waiting.pop(0)
            losses = {u.uid for u in batch.units if u.uid.startswith("lose")} - self.lost
            if losses:
                self.lost |= losses
                arrivals.append(Arrival(flight=flight, end=End.LOST))
                continue
            outcomes = carry_out(self._work, batch.units)
            arrivals.append(Arrival(flight=flight, end=End.DONE, outcomes=outcomes, seconds=0.1))
        return arrivals

    def cancel(self, flight):
        pass

    def restart(self, address):
        self.restarted.append(address)
        del self._queues[address]
        self._queues[f"w{self._next}"] = []
        self._next += 1


@pytest.fixture
def start(work, monkeypatch):
    monkeypatch.setattr(flow, "LOOK_SECONDS", 0.0)

    def make(units, *, count=2, stop=None, recycle=None):
        transport = FakeTransport(work, count)
        return transport, Flow(
            transport,
            Batcher(iter(units), workers=count),
            Lanes(Requirement()),
            stop=stop or StopSignal(),
            recycle=recycle or Recycle(units=0),
        )

    return make


def _failed(outcomes):
    return [o.unit for o in outcomes if o.assets[0].status is Status.FAILED]


def test_every_unit_has_one_outcome(start, make_units):
    _, run = start(make_units(500))
    assert sorted(o.unit for o in run.outcomes()) == sorted(f"u{n}" for n in range(500))


def test_few_batches_are_in_flight_however_many_units_there_are(start, make_units):
    transport, run = start(make_units(5000, seconds=0.0), count=3)
    assert len(list(run.outcomes())) == 5000
    assert transport.most_flying <= 2 * 3


def test_only_the_unit_that_kills_its_worker_is_failed(start, make_units, make_unit):
    units = [*make_units(200), make_unit("kill"), *make_units(0)]
    units.insert(90, make_unit("kill-2"))
    _, run = start(units)
    outcomes = list(run.outcomes())
    assert sorted(_failed(outcomes)) == ["kill", "kill-2"]
    assert len({o.unit for o in outcomes}) == len(outcomes) == 202


def test_a_failed_unit_says_why_and_names_its_worker(start, make_unit):
    _, run = start([make_unit("kill")])
    (outcome,) = run.outcomes()
    assert outcome.assets[0].code == KILLED
    assert "Cure:" in outcome.assets[0].message
    assert outcome.worker.startswith("w")


def test_a_suspect_is_tried_again_alone_on_its_worker(start, make_units, make_unit):
    transport, run = start([*make_units(20), make_unit("kill"), *make_units(20)], count=1)
    list(run.outcomes())
    assert [uids for _, uids in transport.sent if "kill" in uids][-1] == ("kill",)


def test_a_result_that_was_lost_is_made_again_and_nobody_is_blamed(start, make_unit, make_units):
    _, run = start([*make_units(10), make_unit("lose-1"), make_unit("lose-2")])
    outcomes = list(run.outcomes())
    assert _failed(outcomes) == []
    assert len({o.unit for o in outcomes}) == len(outcomes) == 12


def test_workers_that_die_with_everything_end_the_run_with_a_cure(start, make_unit):
    _, run = start([make_unit(f"kill-{number}") for number in range(100)])
    seen = []
    with pytest.raises(SchedulerError, match="archivist doctor"):
        seen.extend(run.outcomes())
    assert len(seen) < 100


def test_a_drain_starts_nothing_more(start, make_units):
    stop = StopSignal()
    transport, run = start(make_units(5000), stop=stop)
    outcomes = run.outcomes()
    next(outcomes)
    sent = len(transport.sent)
    stop.drain()
    rest = list(outcomes)
    assert len(transport.sent) == sent
    assert len(rest) + 1 == sum(len(uids) for _, uids in transport.sent)


def test_an_abort_leaves_what_is_in_flight(start, make_units):
    stop = StopSignal()
    transport, run = start(make_units(5000), stop=stop)
    outcomes = run.outcomes()
    next(outcomes)
    stop.abort()
    assert len(list(outcomes)) + 1 < sum(len(uids) for _, uids in transport.sent)


def test_workers_are_replaced_after_their_units_and_nothing_is_lost(start, make_units):
    transport, run = start(make_units(1000), recycle=Recycle(units=100))
    assert len({o.unit for o in run.outcomes()}) == 1000
    assert 3 <= len(transport.restarted) <= 10


def test_no_worker_at_all_ends_the_run_with_a_cure(start, make_units, monkeypatch):
    monkeypatch.setattr(flow, "NO_WORKER_SECONDS", 0.01)
    _, run = start(make_units(10), count=0)
    with pytest.raises(SchedulerError, match="no worker has come back"):
        list(run.outcomes())


def test_batches_of_a_worker_that_vanished_fly_again(start, make_units, monkeypatch):
    monkeypatch.setattr(flow, "GRACE_SECONDS", 0.0)
    transport, run = start(make_units(300))
    outcomes = run.outcomes()
    first = next(outcomes)
    del transport._queues["w0"]
    done = [first.unit, *(o.unit for o in outcomes)]
    assert len(set(done)) == len(done) == 300


def test_a_scheduler_that_never_tells_of_a_death_is_seen_through(
    start, make_units, make_unit, monkeypatch
):
    monkeypatch.setattr(flow, "GRACE_SECONDS", 0.0)
    transport, run = start([*make_units(50), make_unit("kill"), *make_units(0)])
    transport.exact = False
    outcomes = list(run.outcomes())
    assert _failed(outcomes) == ["kill"]
    assert len({o.unit for o in outcomes}) == len(outcomes) == 51
