"""An hour at which a run ends by itself, so that a machine is free again in the morning."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta

from archivist.api.errors import UsageError
from archivist.schedule.stop import StopSignal

LOOK_SECONDS = 20.0
"""So often the clock is looked at: a machine may sleep meanwhile, or its clock be set."""
_HOUR = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def hour_of(text: str) -> time:
    """Return the hour that ``HH:MM`` names. Raises UsageError with the cure."""
    found = _HOUR.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"{text!r} is no hour of the day. Cure: hours and minutes as on this machine's clock, "
            "such as 06:00 or 17:30"
        )
    return time(int(found[1]), int(found[2]))


def next_at(hour: time, now: datetime) -> datetime:
    """Return when it is this hour next, today or tomorrow; in local time, without a zone."""
    today = datetime.combine(now.date(), hour)
    return today if today > now else today + timedelta(days=1)


@contextmanager
def drain_at(moment: datetime, stop: StopSignal, tell: Callable[[], None]) -> Iterator[None]:
    """Let a run drain from this moment on (local time, without a zone).

    What is under way is finished, nothing more begins; ``tell`` is called first, from another
    thread, unless the run is being stopped already.
    """
    over = threading.Event()

    def watch() -> None:
        while (left := (moment - datetime.now()).total_seconds()) > 0:
            if over.wait(min(left, LOOK_SECONDS)):
                return
        if not stop.draining:
            tell()
            stop.drain()

    thread = threading.Thread(target=watch, name="archivist-until", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
