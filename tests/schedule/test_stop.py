from __future__ import annotations

import os
import signal
import threading

import pytest

from archivist.schedule.stop import Interrupted, Stop, StopSignal


def test_the_wish_to_stop_never_falls():
    stop = StopSignal()
    stop.abort()
    stop.drain()
    assert stop.level is Stop.ABORT
    assert stop.draining
    assert stop.aborted


def test_the_first_ctrl_c_drains_the_second_aborts_the_third_interrupts():
    stop, told = StopSignal(), []
    with stop.listen(told.append):
        os.kill(os.getpid(), signal.SIGINT)
        assert (stop.draining, stop.aborted) == (True, False)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.aborted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert told == [Stop.DRAIN, Stop.ABORT]


def test_sigterm_drains_as_ctrl_c_does():
    stop = StopSignal()
    with stop.listen():
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.level is Stop.DRAIN


def test_the_former_handlers_come_back():
    former = signal.getsignal(signal.SIGINT)
    with StopSignal().listen():
        assert signal.getsignal(signal.SIGINT) is not former
    assert signal.getsignal(signal.SIGINT) is former


def test_an_abort_breaks_off_work_in_this_thread_only_where_it_may():
    stop = StopSignal()
    with stop.listen():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted), stop.interruptible():
            signal.raise_signal(signal.SIGINT)


def test_outside_the_main_thread_signals_are_left_alone():
    former, seen = signal.getsignal(signal.SIGINT), []

    def listen() -> None:
        with StopSignal().listen():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [former]
