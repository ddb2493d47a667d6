from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from archivist.cli.progress import MOST_FAILURES, Progress, printable
from archivist.cli.tally import Tally, duration, speed
from archivist.model import AssetOutcome, Status, StepRecord, UnitOutcome

THEN = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make_outcome():
    def make(uid: str, status: Status = Status.DONE, message: str = "", seconds: float = 2.0):
        record = StepRecord(
            asset=uid,
            ordinal=0,
            step="scratch.detect",
            version=1,
            title="",
            distribution="",
            distribution_version="",
            conjectural=False,
            key="",
            status=status,
            params={},
            inputs=(),
            seed=0,
            device="cpu",
            determinism="exact",
            environment="",
            started=THEN,
            seconds=seconds,
        )
        asset = AssetOutcome(asset=uid, status=status, message=message, records=(record,))
        return UnitOutcome(unit=uid, assets=(asset,), started=THEN, seconds=seconds)

    return make


def _plain(clock):
    stream = io.StringIO()
    return stream, Progress(stream=stream, clock=clock)


def _events(out: io.StringIO):
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_rate_and_time_left_follow_the_last_minute(clock, make_outcome):
    tally = Tally(clock)
    tally.start(100, 100, 0)
    for number in range(40):
        clock.now += 10 if number < 20 else 1
        tally.add(make_outcome(f"{number}"))
    assert tally.rate == pytest.approx(25 / 70)
    for number in range(40, 100):
        clock.now += 1
        tally.add(make_outcome(f"{number}"))
    assert tally.rate == pytest.approx(1, rel=0.1)
    assert tally.left == 0


def test_before_anything_ended_the_estimate_is_shown(clock):
    tally = Tally(clock)
    assert tally.left == 0
    tally.start(10, 10, 120)
    clock.now += 20
    assert tally.left == pytest.approx(100)


def test_without_an_estimate_nothing_is_claimed(clock):
    tally = Tally(clock)
    tally.start(10, 10, 0)
    assert tally.left is None


def test_each_pass_of_a_run_is_counted_for_itself(clock, make_outcome):
    tally = Tally(clock)
    tally.start(3, 3, 0.0)
    for uid in "abc":
        tally.add(make_outcome(uid))

    tally.start(1, 1, 0.0)
    tally.add(make_outcome("a"))

    assert (tally.assets, tally.units, tally.ends.total()) == (1, 1, 1)
    assert [step.count for step in tally.steps.values()] == [1]


def test_seconds_of_a_step_count_only_assets_for_which_it_ran(clock, make_outcome):
    tally = Tally(clock)
    tally.add(make_outcome("a", seconds=4))
    tally.add(make_outcome("b", Status.REUSED, seconds=0))
    assert tally.steps["scratch.detect"].seconds_each == 4


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "?"), (4.6, "0:05"), (723, "12:03"), (11045, "3:04:05"), (183600, "2 d 3 h")],
)
def test_times_are_written_for_people(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("rate", "text"), [(0, "0.0/s"), (12.34, "12.3/s"), (0.05, "180/h")])
def test_slow_work_is_told_by_the_hour(rate, text):
    assert speed(rate) == text


def test_without_a_terminal_a_line_is_written_every_ten_seconds(clock, make_outcome):
    stream, progress = _plain(clock)
    with progress:
        progress.start(50, 50, 60)
        for number in range(50):
            clock.now += 1
            progress.outcome(make_outcome(f"{number}"), {})
    lines = stream.getvalue().splitlines()
    assert lines[0] == "50 assets in 50 units, about 1:00"
    assert len(lines) == 1 + 5
    assert lines[1].startswith("10/50 assets: 10 done; 1.0/s, 0:40 left (scratch.detect: 10 done)")


def test_one_asset_is_told_as_one_and_many_in_thousands(clock, make_outcome):
    stream, progress = _plain(clock)
    progress.start(1, 1, 0)
    clock.now += 10
    progress.outcome(make_outcome("a"), {})
    progress.start(1200, 2400, 0)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "1 asset in 1 unit"
    assert lines[1].startswith("1/1 asset: 1 done; ")
    assert lines[2] == "2,400 assets in 1,200 units"


def test_the_end_is_told_with_what_each_step_took(clock, make_outcome):
    stream, progress = _plain(clock)
    progress.start(2, 2, 0)
    progress.outcome(make_outcome("a"), {})
    progress.outcome(make_outcome("b", Status.SKIPPED), {})
    clock.now += 65
    progress.finish({})
    assert stream.getvalue().splitlines()[-2:] == [
        "scratch.detect: 1 done, 1 skipped, 2.00 s each",
        "1 done, 1 skipped of 2 in 1:05",
    ]


def test_a_failure_is_told_at_once_with_name_and_message(clock, make_outcome):
    stream, progress = _plain(clock)
    progress.outcome(make_outcome("a", Status.FAILED, "it is truncated"), {"a": "1910/a.jpg"})
    assert stream.getvalue() == "failed: 1910/a.jpg: it is truncated\n"


def test_a_flood_of_failures_is_cut_short(clock, make_outcome):
    stream, progress = _plain(clock)
    for number in range(500):
        progress.outcome(make_outcome(f"{number}", Status.FAILED, "bad"), {})
    assert len(stream.getvalue().splitlines()) == MOST_FAILURES + 1


def test_json_lines_tell_start_assets_and_end(clock, make_outcome):
    out, stream = io.StringIO(), io.StringIO()
    with Progress(as_json=True, out=out, stream=stream, clock=clock) as progress:
        progress.start(2, 2, 9.5)
        progress.outcome(make_outcome("a"), {})
        clock.now += 2
        progress.outcome(make_outcome("b", Status.FAILED, "bad"), {})
        progress.note("a worker was replaced")
        progress.finish({"exit": 3})
    events = _events(out)
    kinds = [event["event"] for event in events]
    assert kinds == ["start", "asset", "asset", "progress", "note", "finish"]
    assert events[2]["status"] == "failed"
    assert events[2]["steps"] == {"scratch.detect": "failed"}
    assert (events[-1]["done"], events[-1]["failed"], events[-1]["exit"]) == (1, 1, 3)
    assert stream.getvalue() == ""


def test_plain_progress_leaves_stdout_to_the_result(clock, make_outcome, capsys):
    with Progress(clock=clock) as progress:
        progress.start(1, 1, 0)
        progress.outcome(make_outcome("a"), {})
        progress.finish({})
    assert capsys.readouterr().out == ""


def test_a_terminal_shows_the_run_and_each_step(clock, make_outcome, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with Progress(stream=stream, clock=clock) as progress:
        progress.start(4, 4, 60)
        clock.now += 2
        progress.outcome(make_outcome("a"), {})
        progress.outcome(make_outcome("b", Status.FAILED, "bad [red]"), {"b": "x.jpg"})
        progress.finish({})
    shown = stream.getvalue()
    assert "2/4 assets: 1 done, 1 failed" in shown
    assert "scratch.detect" in shown
    assert "failed: x.jpg: bad [red]" in shown
    assert "\x1b[?25h" in shown  # the cursor is back


def test_names_cannot_steer_the_terminal():
    assert printable("a\x1b[2Jb\nc\udcff \uf7e9") == "a\\x1b[2Jb\\nc\\xff \\xe9"


def test_loading_progress_loads_no_rich():
    code = "import sys, archivist.cli.progress; print('rich' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_a_run_is_carried_on_when_nobody_reads_its_json_any_more(clock, make_outcome):
    class Closed(io.StringIO):
        def flush(self):
            raise BrokenPipeError

    out = Closed()
    with Progress(as_json=True, out=out, clock=clock) as progress:
        progress.start(1, 1, 0.0)
        progress.outcome(make_outcome("a"), {})
        progress.finish({})

    assert len(out.getvalue().splitlines()) == 1
