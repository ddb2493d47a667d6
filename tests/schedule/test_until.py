"""The hour at which a run ends by itself."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from datetime import time as hour

import pytest

from archivist.api.errors import UsageError
from archivist.schedule.stop import Stop, StopSignal
from archivist.schedule.until import drain_at, hour_of, next_at


@pytest.mark.parametrize(
    ("text", "meant"), [("06:00", hour(6)), ("6:05", hour(6, 5)), (" 23:59 ", hour(23, 59))]
)
def test_hours_are_read_as_people_write_them(text, meant):
    assert hour_of(text) == meant


@pytest.mark.parametrize("text", ["24:00", "6", "06.00", "6:5", "6 am", "", "06:60"])
def test_what_is_no_hour_is_refused_with_the_form(text):
    with pytest.raises(UsageError, match="Cure: hours and minutes"):
        hour_of(text)


def test_the_next_hour_is_today_or_tomorrow():
    evening, night = datetime(2026, 12, 1, 20), datetime(2026, 12, 2, 1)
    morning = datetime(2026, 12, 2, 6)
    assert next_at(hour(6), evening) == next_at(hour(6), night) == morning
    assert next_at(hour(6), morning) == morning + timedelta(days=1)


def test_from_the_hour_on_a_run_drains_and_says_so():
    stop, told = StopSignal(), []
    with drain_at(datetime.now() + timedelta(seconds=0.2), stop, lambda: told.append(stop.level)):
        assert not stop.draining
        time.sleep(0.6)
        assert stop.level is Stop.DRAIN
    assert told == [Stop.NO]


def test_a_run_that_ends_before_the_hour_hears_nothing():
    stop, told = StopSignal(), []
    with drain_at(datetime.now() + timedelta(seconds=0.2), stop, lambda: told.append(1)):
        pass
    time.sleep(0.4)
    assert (told, stop.draining) == ([], False)


def test_a_run_that_is_being_stopped_is_not_told_again():
    stop, told = StopSignal(), []
    stop.drain()
    with drain_at(datetime.now(), stop, lambda: told.append(1)):
        time.sleep(0.1)
    assert told == []
