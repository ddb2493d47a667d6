"""`archivist plan`: what a run would do, why, and what it would cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from archivist.cli.options import (
    catalog_option,
    config_option,
    job_options,
    json_option,
    make_job,
    watcher_for,
)

if TYPE_CHECKING:
    from archivist.pipeline import Planned


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

    with watcher_for(as_json) as watcher:
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
        "estimate": asdict(summary.estimate),
        "steps": [asdict(line) for line in planned.lines],
    }


def _tell(planned: Planned, *, explain: bool) -> None:
    summary, cost = planned.summary, planned.summary.estimate
    busy = summary.assets - summary.idle_assets
    click.echo(f"Recipe {planned.recipe}: {busy} of {summary.assets} assets need work.")
    if explain:
        width = max((len(line.step) for line in planned.lines), default=0)
        for line in planned.lines:
            click.echo(
                f"  {line.step:{width}}  {line.action:7} {line.count:8}  {line.reason}"
                f"  (for instance {line.example})"
            )
    click.echo(
        f"Estimate: {_time(cost.seconds)} of one worker, {cost.ram_mib:.0f} MiB of memory for "
        f"each worker, {cost.output_bytes / 2**20:.0f} MiB of outputs."
    )


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
