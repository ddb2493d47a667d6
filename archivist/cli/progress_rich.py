"""The bars of a run on a terminal, drawn by rich."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from archivist.cli.tally import Tally, duration, ends_text, speed
from archivist.model import Status, UnitOutcome, counted


class RichView:
    """A bar for the run, with rate and time left, and one for each step below it."""

    def __init__(self, stream: TextIO, *, force_terminal: bool | None = None) -> None:
        self._console = Console(file=stream, highlight=False, force_terminal=force_terminal)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24, finished_style="green"),
            TextColumn("{task.fields[counts]}", markup=False),
            TextColumn("{task.fields[pace]}", style="dim", markup=False),
            console=self._console,
            # Four times a second is calm to the eye and costs nothing beside the work.
            refresh_per_second=4,
        )
        self._run: TaskID | None = None
        self._steps: dict[str, TaskID] = {}

    def start(self, tally: Tally) -> None:
        """Show the bar of the run, or of its next pass."""
        for task in self._bars.task_ids:
            self._bars.remove_task(task)
        self._steps.clear()
        pace = f"about {duration(tally.expected)}" if tally.expected else ""
        counts = f"0/{counted(tally.total_assets, 'asset')}"
        self._run = self._bars.add_task(
            "run", total=max(1, tally.total_assets), counts=counts, pace=pace
        )
        self._bars.start()

    def show(self, tally: Tally, outcome: UnitOutcome) -> None:
        """Move the bars."""
        if self._run is None:
            return
        of_all = f"{tally.assets:,}/{counted(tally.total_assets, 'asset')}"
        self._bars.update(
            self._run,
            completed=tally.assets,
            counts=f"{of_all}: {ends_text(tally.ends)}",
            pace=f"{speed(tally.rate)}, {duration(tally.left)} left",
        )
        for name, step in tally.steps.items():
            if name not in self._steps:
                total = max(1, tally.total_assets)
                self._steps[name] = self._bars.add_task(
                    f"  {name}", total=total, counts="", pace=""
                )
            self._bars.update(
                self._steps[name],
                completed=step.count,
                counts=ends_text(step.ends),
                pace=f"{step.seconds_each:.2f} s each",
            )

    def note(self, text: str) -> None:
        """Write a line above the bars; failures in red."""
        self._console.print(Text(text, style="red" if text.startswith("failed:") else ""))

    def finish(self, tally: Tally, summary: Mapping[str, object]) -> None:
        """Stop the bars and say the end."""
        self.close()
        style = "red" if tally.ends[Status.FAILED] else "green"
        text = f"{ends_text(tally.ends)} of {tally.total_assets} in {duration(tally.elapsed)}"
        self._console.print(Text(text, style=style))

    def close(self) -> None:
        """Stop drawing and put the cursor back."""
        self._bars.stop()
