from __future__ import annotations

import os
import signal

import pytest

from archivist.api.errors import UsageError
from archivist.schedule.devices import Gpu
from archivist.schedule.runner import Requirement, StopSignal, make_runner


def test_every_unit_has_one_outcome(make_units, work):
    with make_runner("serial") as runner:
        outcomes = list(runner.run(make_units(300), work, stop=StopSignal()))
    assert sorted(outcome.unit for outcome in outcomes) == sorted(f"u{n}" for n in range(300))


def test_the_work_is_done_in_this_process(make_units, work):
    with make_runner("serial") as runner:
        outcomes = list(runner.run(make_units(3), work, stop=StopSignal()))
    assert {outcome.environment["pid"] for outcome in outcomes} == {os.getpid()}


def test_units_are_pulled_as_they_are_done(make_unit, work):
    pulled = []

    def units():
        for number in range(10_000):
            pulled.append(number)
            yield make_unit(f"{number}")

    with make_runner("serial") as runner:
        next(runner.run(units(), work, stop=StopSignal()))
    assert len(pulled) < 1000


def test_a_drain_finishes_the_batch_and_starts_no_other(make_units, work):
    stop, outcomes = StopSignal(), []
    with make_runner("serial") as runner:
        for outcome in runner.run(make_units(1000, seconds=0.5), work, stop=stop):
            outcomes.append(outcome)
            stop.drain()
    assert 1 <= len(outcomes) <= 4


def test_the_second_ctrl_c_breaks_off_the_work_itself(make_units):
    def twice(units):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("not reached")

    stop = StopSignal()
    with stop.listen(), make_runner("serial") as runner:
        assert list(runner.run(make_units(3), twice, stop=stop)) == []


def test_work_that_needs_a_gpu_is_refused_without_one():
    with (
        pytest.raises(UsageError, match=r"GPU.*Cure"),
        make_runner("serial", requirement=Requirement(needs_gpu=True), gpus=()),
    ):
        pass


def test_work_that_needs_a_gpu_is_taken_with_one(make_units, work):
    needs = Requirement(needs_gpu=True)
    with make_runner("serial", requirement=needs, gpus=[Gpu("simulated")]) as runner:
        assert len(list(runner.run(make_units(2), work, stop=StopSignal()))) == 2


@pytest.mark.parametrize("name", ["slurm", "tcp://host", "tcp://:1:2/", "http://host:1"])
def test_an_unknown_scheduler_is_refused_with_the_ones_there_are(name):
    with pytest.raises(UsageError, match="auto, serial, or the address"):
        make_runner(name)


def test_no_workers_are_refused():
    with pytest.raises(UsageError, match="--workers 1"):
        make_runner("auto", workers=0)
