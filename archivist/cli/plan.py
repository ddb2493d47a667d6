"""`archivist plan`: what a run would do, why, and what it would cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from archivist.cli.aside import set_aside
from archivist.cli.options import (
    catalog_option,
    config_option,
    job_options,
    json_option,
    make_job,
    watcher_for,
)
from archivist.model import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archivist.pipeline import Planned
    from archivist.plan import Line, Summary


@click.command()
@job_options
@click.option("--explain", is_flag=True, help="Give the reason for every step.")
@click.option("--override", is_flag=True, help="As if approved results were to be redone.")
@catalog_option
@config_option
@json_option
def plan(as_json: bool, explain: bool, **options: object) -> None:
    """Say what a run over SCANS would do. Nothing is restored."""
    from archivist.pipeline import plan as plan_pipeline

    with set_aside() as lines, watcher_for(as_json, lines) as watcher:
        planned = plan_pipeline(make_job(options), watcher)
    if as_json:
        click.echo(json.dumps(_facts(planned), ensure_ascii=False))
    else:
        _tell(planned, explain=explain)


def _facts(planned: Planned) -> dict[str, object]:
    summary = planned.summary
    return {
        "event": "result",
        "run": planned.run,
        "recipe": planned.recipe,
        "found": asdict(planned.found),
        "units": summary.units,
        "assets": summary.assets,
        "up_to_date": summary.idle_assets,
        "denied": summary.denied_assets,
        "held": summary.held_assets,
        "estimate": asdict(summary.estimate),
        "steps": [asdict(line) for line in planned.lines],
        "first_pass": [asdict(line) for line in planned.first.lines()] if planned.first else None,
    }


def _tell(planned: Planned, *, explain: bool) -> None:
    from archivist.report.words import file_size

    summary, cost = planned.summary, planned.summary.estimate
    denied = summary.denied_assets
    if planned.first is not None:
        _tell_first(planned.first, explain=explain)
    left_out = f"; the rights of {denied} forbid it" if denied else ""
    if summary.held_assets:
        left_out += f"; {summary.held_assets} left undone because an approved result stays in place"
    of_all = f"{summary.busy_assets:,} of {counted(summary.assets, 'asset')}"
    verb = "needs" if summary.busy_assets == 1 else "need"
    click.echo(f"Recipe {planned.recipe}: {of_all} {verb} work{left_out}.")
    if explain:
        _tell_lines(planned.lines)
    click.echo(
        f"Estimate: {_time(cost.seconds)} of one worker, {cost.ram_mib:.0f} MiB of memory for "
        f"each worker; if every step is needed, about {file_size(cost.output_bytes)} of outputs "
        f"and {file_size(cost.store_bytes)} in the store."
    )


def _tell_first(first: Summary, *, explain: bool) -> None:
    """Tell what is to be embedded before references can be looked for."""
    count = first.busy_assets
    if not count:
        click.echo("First pass: all pictures of the archive are embedded.")
        return
    verb = "is" if count == 1 else "are"
    click.echo(
        f"First pass: {counted(count, 'picture')} of the archive {verb} to be embedded, "
        f"{_time(first.seconds)} of one worker; then lookalikes are known."
    )
    if explain:
        _tell_lines(first.lines())


def _tell_lines(lines: Sequence[Line]) -> None:
    width = max((len(line.step) for line in lines), default=0)
    for line in lines:
        click.echo(
            f"  {line.step:{width}}  {line.action:7} {line.count:8}  {line.reason}"
            f"  (for instance {line.example})"
        )


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
