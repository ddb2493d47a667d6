"""The wish to stop, as it travels from the keyboard to a runner."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType


class Stop(IntEnum):
    """How urgently a run is to end."""

    NO = 0
    """Go on."""
    DRAIN = 1
    """Finish what is in flight, start nothing more."""
    ABORT = 2
    """Drop what is in flight; it is done again by the next run."""


class Interrupted(KeyboardInterrupt):
    """Raised inside work that runs in this process when the run is aborted."""


class StopSignal:
    """Carries the wish to stop; may be set from a signal handler or from another thread.

    A plain attribute holds the wish: a lock or an event taken inside a signal handler could
    wait for the very code that the signal interrupted.
    """

    def __init__(self) -> None:
        self._level = Stop.NO
        self._interruptible = False

    @property
    def level(self) -> Stop:
        """How urgently to stop; it never falls."""
        return self._level

    @property
    def draining(self) -> bool:
        """True when no new work may start."""
        return self._level >= Stop.DRAIN

    @property
    def aborted(self) -> bool:
        """True when work in flight is to be dropped."""
        return self._level >= Stop.ABORT

    def drain(self) -> None:
        """Ask to finish what is in flight and to start nothing more."""
        self._level = max(self._level, Stop.DRAIN)

    def abort(self) -> None:
        """Ask to stop at once."""
        self._level = Stop.ABORT

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Mark work in this thread that an abort from the keyboard may break off.

        There :class:`Interrupted` is raised; everything else is stopped between two batches.
        """
        self._interruptible = True
        try:
            yield
        finally:
            self._interruptible = False

    @contextmanager
    def listen(self, on_change: Callable[[Stop], None] | None = None) -> Iterator[StopSignal]:
        """Turn Ctrl-C and SIGTERM into this signal: the first drains, the second aborts.

        ``on_change`` is told each new level, to say how to continue. A third Ctrl-C raises
        KeyboardInterrupt. Outside the main thread, where Python allows no handlers, it does
        nothing. The former handlers are restored at the end.
        """
        if threading.current_thread() is not threading.main_thread():
            yield self
            return

        def handle(number: int, frame: FrameType | None) -> None:
            if self.aborted:
                raise KeyboardInterrupt
            (self.abort if self.draining else self.drain)()
            if on_change is not None:
                on_change(self._level)
            if self._level == Stop.ABORT and self._interruptible:
                raise Interrupted

        former = {number: signal.signal(number, handle) for number in _SIGNALS}
        try:
            yield self
        finally:
            for number, handler in former.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
