"""The runner ``auto`` with real processes; most tests share one pair of workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import dask
import psutil
import pytest
from distributed import Client

from archivist.model import Status
from archivist.schedule.dask_transport import DaskTransport
from archivist.schedule.dask_workers import workers_of
from archivist.schedule.devices import Gpu
from archivist.schedule.guard import KILLED
from archivist.schedule.runner import Recycle, Requirement, StopSignal, make_runner

NEEDS = Requirement(ram_mib=64)


@pytest.fixture(scope="module")
def runner():
    with make_runner("auto", workers=2, requirement=NEEDS) as runner:
        yield runner


def _until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def _done(outcomes):
    return sorted(o.unit for o in outcomes if o.assets[0].status is Status.DONE)


def _pids(runner) -> set[int]:
    return set(runner.client.run(os.getpid).values())


def _listening(process: psutil.Process) -> list[str]:
    return [c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN]


def test_the_outcomes_are_those_of_the_serial_runner(runner, make_unit, make_units, work):
    units = [*make_units(200), make_unit("raise")]
    with make_runner("serial") as serial:
        expected = list(serial.run(iter(units), work, stop=StopSignal()))
    found = list(runner.run(iter(units), work, stop=StopSignal()))

    def plain(outcomes):
        return sorted((replace(o, environment={}, worker="") for o in outcomes), key=_key)

    def _key(outcome):
        return outcome.unit

    same = [o for o in plain(expected) if o.unit != "raise"]
    assert [o for o in plain(found) if o.unit != "raise"] == same
    faults = [o.assets for o in (*found, *expected) if o.unit == "raise"]
    assert faults[0] == faults[1]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the mask is read from /proc")
def test_workers_never_hear_ctrl_c_not_even_while_they_start(runner, make_unit, work):
    list(runner.run(iter([make_unit("kill first")]), work, stop=StopSignal()))
    _until(lambda: len(_pids(runner)) == 2)  # one of them is a replacement

    for pid in _pids(runner):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        blocked = next(line for line in lines if line.startswith("SigBlk")).split()[1]
        assert int(blocked, 16) & 1 << signal.SIGINT - 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_both_workers_work_in_processes_of_their_own(runner, make_units, work):
    units = make_units(40, seconds=0.5)
    pids = {o.environment["pid"] for o in runner.run(units, work, stop=StopSignal())}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_threads_are_divided_before_any_library_is_loaded(runner, make_units, work):
    (outcome,) = runner.run(make_units(1), work, stop=StopSignal())
    cores = len(os.sched_getaffinity(0))
    assert outcome.environment["OMP_NUM_THREADS"] == str(max(1, cores // 2))


def test_workers_yield_ignore_ctrl_c_and_die_before_the_driver(runner):
    def facts():
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        return os.nice(0), ignored, int(Path("/proc/self/oom_score_adj").read_text())

    here = os.nice(0)
    assert set(runner.client.run(facts).values()) == {(min(19, here + 5), True, 500)}


def test_everything_listens_on_loopback_only(runner):
    processes = [psutil.Process(), *map(psutil.Process, _pids(runner))]
    addresses = [address for process in processes for address in _listening(process)]
    assert set(addresses) == {"127.0.0.1"}


def test_the_scheduler_holds_few_tasks_and_forgets_them(runner, make_units, work):
    scheduler = runner.client.cluster.scheduler
    most = 0
    for _ in runner.run(make_units(3000, seconds=0), work, stop=StopSignal()):
        most = max(most, len(scheduler.tasks))
    assert 1 <= most <= 2 * 4
    _until(lambda: not scheduler.tasks)
    assert len(scheduler.task_groups) <= 1


def test_messages_are_small(runner, make_unit, work, monkeypatch):
    sizes = []
    submit = runner.client.submit

    def measured(function, *args, **kwargs):
        sizes.append(sum(len(arg) for arg in args))
        future = submit(function, *args, **kwargs)
        future.add_done_callback(lambda f: sizes.append(len(f.result()[0])))
        return future

    monkeypatch.setattr(runner.client, "submit", measured)
    units = (make_unit(f"{number:04}" + "x" * 2000, 0.001) for number in range(500))
    assert len(list(runner.run(units, work, stop=StopSignal()))) == 500
    assert len(sizes) > 4
    assert max(sizes) < 64 * 1024


def test_a_unit_that_kills_its_worker_is_the_only_one_that_fails(
    runner, make_unit, make_units, work
):
    units = list(make_units(100))
    units.insert(37, make_unit("kill"))
    outcomes = list(runner.run(iter(units), work, stop=StopSignal()))
    assert _done(outcomes) == sorted(f"u{n}" for n in range(100))
    (culprit,) = (o for o in outcomes if o.assets[0].status is Status.FAILED)
    assert (culprit.unit, culprit.assets[0].code) == ("kill", KILLED)


def test_a_worker_that_is_killed_once_loses_nothing(runner, make_unit, work):
    units = [make_unit(f"sleep=0.05-{number}", 0.05) for number in range(60)]
    victim = None
    outcomes = []
    for outcome in runner.run(iter(units), work, stop=StopSignal()):
        outcomes.append(outcome)
        if victim is None:
            victim = outcome.environment["pid"]
            os.kill(victim, signal.SIGKILL)
    assert _done(outcomes) == sorted(unit.uid for unit in units)
    assert len(outcomes) == 60
    _until(lambda: len(_pids(runner)) == 2)
    assert victim not in _pids(runner)


def test_a_drain_ends_with_what_was_in_flight(runner, make_unit, work):
    units = [make_unit(f"sleep=0.02-{number}", 0.02) for number in range(2000)]
    stop, outcomes = StopSignal(), []
    for outcome in runner.run(iter(units), work, stop=stop):
        outcomes.append(outcome)
        stop.drain()
    assert 1 <= len(_done(outcomes)) == len(outcomes) < 500


def test_the_same_runner_runs_twice(runner, make_units, work):
    for _ in range(2):
        assert len(list(runner.run(make_units(30), work, stop=StopSignal()))) == 30


def test_workers_are_replaced_after_their_units_without_losing_any(make_units, work):
    recycle = Recycle(units=60)
    with make_runner("auto", workers=1, requirement=NEEDS, recycle=recycle) as runner:
        outcomes = list(runner.run(make_units(200, seconds=0), work, stop=StopSignal()))
    assert len(_done(outcomes)) == len(outcomes) == 200
    assert len({o.environment["pid"] for o in outcomes}) >= 2


def test_an_abort_kills_the_workers_at_once_and_leaves_no_process(make_unit, work):
    stop = StopSignal()
    units = [make_unit(f"sleep=60-{number}", 60) for number in range(4)]
    with make_runner("auto", workers=1, requirement=NEEDS) as runner:
        (pid,) = _pids(runner)
        threading.Timer(1.0, stop.abort).start()
        assert list(runner.run(iter(units), work, stop=stop)) == []
        started = time.monotonic()
    assert time.monotonic() - started < 3
    assert not psutil.pid_exists(pid)


def test_a_caller_that_fails_does_not_wait_for_the_workers(make_unit, work):
    units = [make_unit("a"), *(make_unit(f"sleep=60-{number}", 60) for number in range(4))]
    with suppress(OSError), make_runner("auto", workers=2, requirement=NEEDS) as runner:
        pids = _pids(runner)
        for _ in runner.run(iter(units), work, stop=StopSignal()):
            started = time.monotonic()
            raise OSError("disk full")
    assert time.monotonic() - started < 3
    assert not any(psutil.pid_exists(pid) for pid in pids)


CTRL_C = """
import sys, time
from archivist.model import UnitOutcome, WorkUnit, now
from archivist.schedule.runner import Requirement, StopSignal, make_runner

def nap(units):
    print("a library that talks")
    time.sleep(0.05 * len(units))
    return [UnitOutcome(unit=u.uid, assets=(), started=now(), seconds=0.05) for u in units]

if __name__ == "__main__":
    stop = StopSignal()
    units = (WorkUnit(uid=str(n), files=(), seconds=0.05) for n in range(100_000))
    with stop.listen(), make_runner("auto", workers=2, requirement=Requirement(64)) as runner:
        for outcome in runner.run(units, nap, stop=stop):
            print(outcome.unit, flush=True)
    print("ended", stop.level.name, flush=True)
"""


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who")


@pytest.mark.parametrize("sent", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=linux)])
@pytest.mark.parametrize(("presses", "level"), [(1, "DRAIN"), (2, "ABORT")])
def test_a_stop_reaches_the_driver_and_not_the_workers(tmp_path, presses, level, sent):
    """Ctrl-C in a terminal, or a service that is stopped: the whole group hears it."""
    script = tmp_path / "driver.py"
    script.write_text(CTRL_C, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as driver:
        driver.stdout.readline()
        workers = psutil.Process(driver.pid).children(recursive=True)
        for _ in range(presses):
            os.killpg(driver.pid, sent)
            time.sleep(0.1)
        out, err = driver.communicate(timeout=30)
    assert driver.returncode == 0, err
    assert "died" not in err
    assert psutil.wait_procs(workers, timeout=5)[1] == []
    assert out.splitlines()[-1] == f"ended {level}"
    assert "a library that talks" not in out
    assert "Traceback" not in err


def test_each_worker_sees_only_its_own_gpu(make_units, work):
    gpus = [Gpu("GPU-one", "simulated", 1000), Gpu("GPU-two", "simulated", 2000)]
    needs = Requirement(ram_mib=64, needs_gpu=True)
    with make_runner("auto", requirement=needs, gpus=gpus) as runner:
        assert runner.describe().startswith("2 GPU workers")
        outcomes = list(runner.run(make_units(40, seconds=0.5), work, stop=StopSignal()))
        workers = workers_of(runner.client).values()
        assert sorted(w["resources"]["VRAM"] for w in workers) == [1000, 2000]
        assert [w["nthreads"] for w in workers] == [1, 1]
    seen = {(o.environment["pid"], o.environment["CUDA_VISIBLE_DEVICES"]) for o in outcomes}
    assert sorted(gpu for _, gpu in seen) == ["GPU-one", "GPU-two"]


def test_no_look_of_the_client_itself_hides_the_workers(runner, work):
    often = {"distributed.client.scheduler-info-interval": "1ms"}
    with dask.config.set(often), Client(runner.client.scheduler.address, set_as_default=False) as c:
        transport = DaskTransport(c, work, exact=True)
        assert {len(transport.workers()) for _ in range(200)} == {2}


def test_nothing_is_left_of_a_run(make_units, work):
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    environment = dict(os.environ)
    with make_runner("auto", workers=1, requirement=NEEDS) as runner:
        pids = _pids(runner)
        list(runner.run(make_units(3), work, stop=StopSignal()))
    assert not any(psutil.pid_exists(pid) for pid in pids)
    after = {child.pid for child in psutil.Process().children(recursive=True)}
    # multiprocessing keeps its resource tracker until the end of the process.
    assert len(after - before) <= 1
    assert dict(os.environ) == environment


ORPHANS = """
import os, sys, time
from pathlib import Path
from archivist.schedule.runner import Requirement, make_runner

def hold(path):
    Path(path).touch()
    sum(range(10**11))  # holds the lock of Python: no thread of this process runs

if __name__ == "__main__":
    with make_runner("auto", workers=2, requirement=Requirement(ram_mib=64)) as runner:
        print(*runner.client.run(os.getpid).values(), flush=True)
        busy = runner.client.submit(hold, sys.argv[1])
        while not Path(sys.argv[1]).exists():
            time.sleep(0.05)
        print("busy", flush=True)
        sys.stdin.read()
"""


@linux
def test_workers_die_with_their_driver_even_by_sigkill_and_in_a_long_step(tmp_path):
    script = tmp_path / "driver.py"
    script.write_text(ORPHANS, encoding="utf-8")
    command = [sys.executable, str(script), str(tmp_path / "busy")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as driver:
        pids = [int(word) for word in driver.stdout.readline().split()]
        assert len(pids) == 2
        assert driver.stdout.readline() == "busy\n"
        driver.kill()
    _until(lambda: not any(psutil.pid_exists(pid) for pid in pids), seconds=5)


@linux
def test_a_worker_still_ends_at_the_word_of_its_driver(make_unit, work):
    """Dask ends a worker that did not get ready by SIGTERM, and so does Python at its exit."""
    with make_runner("auto", workers=1, requirement=NEEDS) as runner:
        (pid,) = _pids(runner)
        os.kill(pid, signal.SIGTERM)
        _until(lambda: not psutil.pid_exists(pid))
