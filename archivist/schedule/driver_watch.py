"""In a worker process: end with the process that started it, and by nobody else's word.

systemd, batch systems and containers send SIGTERM to every process of a run. What it means, the
driver decides: it lets the workers finish what they have in hand. And when the driver is killed
outright, nobody is left to take what they make.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

HEEDS = sys.platform.startswith("linux")
"""Whether :func:`heed_driver` can do here what it says."""
PDEATHSIG = 1
"""``PR_SET_PDEATHSIG`` of prctl(2)."""


def heed_driver() -> None:
    """Let SIGTERM count only from the driver, and let its death end this process at once.

    Linux only. Elsewhere Dask's own watch on a pipe ends a worker as soon as its step lets another
    thread run, and SIGTERM ends it from whomever it comes.
    """
    if not HEEDS:  # pragma: no cover
        return
    threading.Thread(target=_take_sigterm, name="sigterm", daemon=True).start()
    # The kernel does it: a step that holds Python's lock for minutes cannot delay it.
    ctypes.CDLL(None, use_errno=True).prctl(PDEATHSIG, signal.SIGKILL)


def _take_sigterm() -> None:
    """Take each SIGTERM, which is blocked in all threads, and look who sent it."""
    while True:
        sent = signal.sigwaitinfo({signal.SIGTERM})
        if sent is not None and sent.si_pid == os.getppid():
            os._exit(128 + signal.SIGTERM)
