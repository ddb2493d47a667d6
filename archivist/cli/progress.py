"""Tells how a long run goes on: bars on a terminal, plain lines in a log, JSON for a program."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, TextIO

from archivist.cli.tally import Tally, duration, ends_text, speed
from archivist.model import AssetOutcome, Status, UnitOutcome, counted, text_to_path

PLAIN_SECONDS = 10.0
"""How often a line is written where there is no terminal."""
MOST_FAILURES = 20
"""Failures told one by one; the rest are counted and stand in the report."""


class View(Protocol):
    """How progress is shown."""

    def start(self, tally: Tally) -> None:
        """Begin to show."""

    def show(self, tally: Tally, outcome: UnitOutcome) -> None:
        """Show the counts after an outcome."""

    def note(self, text: str) -> None:
        """Say something."""

    def finish(self, tally: Tally, summary: Mapping[str, object]) -> None:
        """Show the end. ``summary`` holds what a program wants to know, as plain values."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Progress:
    """Shows how a run goes on. A context manager, so that the terminal is always put back.

    Without ``json``, everything goes to ``stream`` (stderr), so that stdout holds results only;
    with it, one JSON object a line goes to ``out`` (stdout), each with an ``event``: start, asset,
    progress, note or finish.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        stream: TextIO | None = None,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tally = Tally(clock)
        self._failures = 0
        self._as_json = as_json
        stream = stream or sys.stderr
        self._view: View
        if as_json:
            self._view = JsonView(out or sys.stdout, clock)
        elif stream.isatty():
            # rich takes 60 ms to load, so only a run on a terminal pays for it.
            from archivist.cli.progress_rich import RichView

            self._view = RichView(stream)
        else:
            self._view = PlainView(stream, clock)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._view.close()

    def start(self, total_units: int, total_assets: int, seconds: float) -> None:
        """Begin a run of so many units and assets that is expected to take ``seconds``."""
        self._tally.start(total_units, total_assets, seconds)
        self._view.start(self._tally)

    def outcome(self, outcome: UnitOutcome, names: Mapping[str, str]) -> None:
        """Count an outcome and show it; ``names`` are what people call its assets: their paths."""
        self._tally.add(outcome)
        if not self._as_json:
            for asset in outcome.assets:
                if asset.status is Status.FAILED:
                    self._tell_failure(asset, names.get(asset.asset, ""))
        self._view.show(self._tally, outcome)

    def note(self, text: str) -> None:
        """Say something that is no count: a worker was replaced, how to go on after Ctrl-C."""
        self._view.note(printable(text))

    def finish(self, summary: Mapping[str, object]) -> None:
        """Show the end of the run."""
        self._view.finish(self._tally, summary)

    def _tell_failure(self, asset: AssetOutcome, name: str) -> None:
        self._failures += 1
        if self._failures <= MOST_FAILURES:
            self.note(f"failed: {name or asset.asset[:12]}: {asset.message or asset.code}")
        elif self._failures == MOST_FAILURES + 1:
            self.note("failed: more; the report lists them all")


class PlainView:
    """A line now and then, for logs: at the start, every ten seconds, at the end."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._told = clock()

    def start(self, tally: Tally) -> None:
        """Say how much there is to do."""
        expected = f", about {duration(tally.expected)}" if tally.expected else ""
        assets = counted(tally.total_assets, "asset")
        self.note(f"{assets} in {counted(tally.total_units, 'unit')}{expected}")
        self._told = self._clock()

    def show(self, tally: Tally, outcome: UnitOutcome) -> None:
        """Say the counts when ten seconds have passed since the last time."""
        if self._clock() - self._told < PLAIN_SECONDS:
            return
        self._told = self._clock()
        steps = "; ".join(f"{name}: {ends_text(step.ends)}" for name, step in tally.steps.items())
        self.note(
            f"{tally.assets:,}/{counted(tally.total_assets, 'asset')}: {ends_text(tally.ends)}; "
            f"{speed(tally.rate)}, {duration(tally.left)} left{f' ({steps})' if steps else ''}"
        )

    def note(self, text: str) -> None:
        """Write a line."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def finish(self, tally: Tally, summary: Mapping[str, object]) -> None:
        """Say the end, and what each step took."""
        for name, step in tally.steps.items():
            self.note(f"{name}: {ends_text(step.ends)}, {step.seconds_each:.2f} s each")
        self.note(f"{ends_text(tally.ends)} of {tally.total_assets} in {duration(tally.elapsed)}")

    def close(self) -> None:
        """Nothing is to be put back."""


class JsonView:
    """One JSON object a line, ASCII only, for a program that reads along.

    When that program ends, nothing more is written, and what is told of goes on.
    """

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock, self._is_read = out, clock, True
        self._told = clock()

    def start(self, tally: Tally) -> None:
        """Write ``start``."""
        self._told = self._clock()
        self._write(
            "start",
            units=tally.total_units,
            assets=tally.total_assets,
            seconds=round(tally.expected, 3),
        )

    def show(self, tally: Tally, outcome: UnitOutcome) -> None:
        """Write ``asset`` for each asset, and ``progress`` at most every second."""
        for asset in outcome.assets:
            self._write(
                "asset",
                asset=asset.asset,
                unit=outcome.unit,
                status=asset.status,
                code=asset.code,
                message=asset.message,
                steps={record.step: record.status for record in asset.records},
                outputs=[publication.path for publication in outcome.publications],
            )
        if self._clock() - self._told >= 1:
            self._told = self._clock()
            self._write("progress", **_counts(tally))

    def note(self, text: str) -> None:
        """Write ``note``."""
        self._write("note", text=text)

    def finish(self, tally: Tally, summary: Mapping[str, object]) -> None:
        """Write ``finish`` with the counts and the summary."""
        self._write("finish", **{**_counts(tally), **summary})

    def close(self) -> None:
        """Nothing is to be put back."""

    def _write(self, event: str, **facts: object) -> None:
        if not self._is_read:
            return
        try:
            self._out.write(json.dumps({"event": event, **facts}, default=str) + "\n")
            self._out.flush()
        except BrokenPipeError:
            self._is_read = False


def _counts(tally: Tally) -> dict[str, object]:
    return {
        "assets": tally.assets,
        "total": tally.total_assets,
        **{name.value: tally.ends[name] for name in Status},
        "rate": round(tally.rate, 3),
        "elapsed": round(tally.elapsed, 3),
        "left": None if tally.left is None else round(tally.left, 1),
        "steps": {
            name: {**step.ends, "seconds": round(step.seconds, 3)}
            for name, step in tally.steps.items()
        },
    }


def printable(text: str) -> str:
    """Return text that is safe on a terminal: what a file name may hold is shown, not obeyed."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text_to_path(text))


def _escaped(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # a byte of a name that is not UTF-8
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
