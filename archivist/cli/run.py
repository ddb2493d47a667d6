"""`archivist run`: scan, plan, do the work, and report."""

from __future__ import annotations

import contextlib
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.cli.aside import set_aside
from archivist.cli.exits import Exit
from archivist.cli.exported import export_facts, tell_exports
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
    from archivist.pipeline import ExportResult, Job, RunResult
    from archivist.plugins import Plugins
    from archivist.schedule.stop import StopSignal


@click.command()
@job_options
@click.option(
    "--scheduler",
    default=None,
    help="auto (default), serial, or tcp://HOST:PORT of a Dask scheduler.",
)
@click.option("--workers", type=click.IntRange(1), help="How many worker processes.")
@click.option(
    "--until",
    metavar="HH:MM",
    help="Begin nothing more after this hour, and end; the same command goes on.",
)
@click.option("--fail-fast", is_flag=True, help="Start nothing more after the first failure.")
@click.option("--override", is_flag=True, help="Also redo results that were approved.")
@catalog_option
@config_option
@json_option
def run(as_json: bool, until: str | None, **options: object) -> int:
    """Restore a folder tree of SCANS into the folder given by --out.

    The same command again continues where it stopped, or finds nothing to do.
    """
    from archivist.pipeline import run as run_pipeline
    from archivist.schedule.stop import Stop, StopSignal

    job = make_job(options)
    stop = StopSignal()
    hours = _hours(until, stop)

    def say(level: Stop) -> None:
        if level is Stop.DRAIN:
            click.echo(
                "Stopping: finishing what is under way. Ctrl-C (or SIGTERM) again stops at once; "
                "the same command goes on later.",
                err=True,
            )

    with set_aside() as lines:
        with watcher_for(as_json, lines) as watcher, stop.listen(say), hours:
            result = run_pipeline(job, watcher, stop)
        plugins = _plugins(job)
        report = _report(job, result, plugins)
    if not as_json:
        _tell(job, result, report)
    with set_aside():
        exports = _exports(job, result, plugins)
        if _is_news(exports):
            _write_report(job, plugins)  # it tells what became of the exports, too
    if as_json:
        click.echo(json.dumps(summary(job, result, report, exports), ensure_ascii=False))
    else:
        tell_exports(exports)
        _tell_cure(exports)
    return _code(job, result, report, exports)


def _hours(until: str | None, stop: StopSignal) -> AbstractContextManager[None]:
    """Return what stops a run at the hour that was given, if any. Raises UsageError."""
    from datetime import datetime

    from archivist.schedule.until import drain_at, hour_of, next_at

    if until is None:
        return contextlib.nullcontext()
    moment = next_at(hour_of(until), datetime.now())

    def tell() -> None:
        click.echo(
            f"It is {moment:%H:%M}: finishing what is under way; the same command goes on later.",
            err=True,
        )

    return drain_at(moment, stop, tell)


def _tell_cure(exports: tuple[ExportResult, ...]) -> None:
    from archivist.pipeline import ExportState

    failed = [one for one in exports if one.state is ExportState.FAILED]
    for one in failed:
        click.echo(
            "The run itself is complete and recorded. The same command makes the export good, or "
            f"`archivist report --export {one.export.exporter.id}` with the same --out and "
            "--config.",
            err=True,
        )


def _code(
    job: Job, result: RunResult, report: Path | None, exports: tuple[ExportResult, ...]
) -> Exit:
    from archivist.pipeline import ExportState

    if not result.found.files + result.found.refused:
        return Exit.USAGE
    if result.pending:
        return Exit.INTERRUPTED if not job.fail_fast else Exit.SOME_FAILED
    ends = {one.state for one in exports}
    if ExportState.LEFT in ends:
        return Exit.INTERRUPTED
    failed = result.failed or report is None or ExportState.FAILED in ends
    return Exit.SOME_FAILED if failed else Exit.FINE


def _plugins(job: Job) -> Plugins:
    from archivist.plugins import load_plugins

    chosen = job.settings.plugins
    return load_plugins(chosen.allow or None, chosen.block)


def _exports(job: Job, result: RunResult, plugins: Plugins) -> tuple[ExportResult, ...]:
    """Bring the exports up to date that the configuration asks for, as the last act of a run."""
    from archivist.pipeline import last_act

    return last_act(job, bool(result.pending), plugins, lambda text: click.echo(text, err=True))


def _is_news(exports: tuple[ExportResult, ...]) -> bool:
    """Tell whether an export was made, or could not be made."""
    from archivist.pipeline import ExportState

    return not {one.state for one in exports}.isdisjoint({ExportState.MADE, ExportState.FAILED})


def _report(job: Job, result: RunResult, plugins: Plugins) -> Path | None:
    """Write the report, unless nothing was done or decided since it was written."""
    path = job.home / "report.html"
    if result.planned.summary.units or not path.exists() or _is_decided_since(job, path):
        return _write_report(job, plugins)
    return path


def _write_report(job: Job, plugins: Plugins) -> Path | None:
    """Write the report.

    The run is over and recorded: a report that cannot be written is told and gives None, so that
    the results are told too.
    """
    from archivist.api.errors import ArchivistError
    from archivist.report import write_report

    path = job.home / "report.html"
    try:
        write_report(
            job.url,
            scans=job.scans,
            out=job.out,
            path=path,
            specs=plugins.steps,
            codecs=plugins.codecs,
        )
    except ArchivistError as error:
        click.echo(f"Error: {error}", err=True)
        return None
    return path


def _is_decided_since(job: Job, path: Path) -> bool:
    """Tell whether rights changed, or somebody reviewed a result, since a report was written."""
    from archivist.catalog.history import newest_decision
    from archivist.catalog.session import open_catalog

    with open_catalog(job.url, write=False) as catalog:
        newest = newest_decision(catalog)
    return newest is not None and newest.timestamp() > path.stat().st_mtime


def summary(
    job: Job, result: RunResult, report: Path | None, exports: tuple[ExportResult, ...]
) -> dict[str, object]:
    """Return the result of a run for programs."""
    return {
        "event": "result",
        "run": result.run,
        "state": str(result.state),
        "recipe": result.planned.recipe,
        "files": result.found.files,
        "changed": result.found.changed,
        "left_over": result.left_over,
        "assets": dict(result.counts),
        "up_to_date": result.planned.summary.idle_assets,
        "denied": result.planned.summary.denied_assets,
        "held": max(result.held, result.planned.summary.held_assets),
        "pending": result.pending,
        "not_described": result.not_described,
        "refused": [
            {"path": path, "code": code, "reason": reason} for path, code, reason in result.refused
        ],
        "failed": [
            {"paths": list(f.paths), "code": f.code, "reason": f.message} for f in result.failures
        ],
        "out": str(job.out),
        "report": str(report) if report else None,
        "exports": export_facts(exports),
        "catalog": job.url,
    }


def _tell(job: Job, result: RunResult, report: Path | None) -> None:
    from archivist.report.words import readable

    counts, found, planned = result.counts, result.found, result.planned.summary
    idle = planned.idle_assets
    denied = max(result.denied, planned.denied_assets)
    left_out = f"{denied} left out because their rights forbid it, " if denied else ""
    held = max(result.held, planned.held_assets)
    left_out += f"{held} left undone because an approved result stays in place, " if held else ""
    if result.not_described:
        click.echo(
            f"{counted(found.pages, 'asset')} in {counted(found.files, 'file')}: stopped in the "
            f"first pass, which describes them to find lookalikes; {result.not_described:,} are "
            "left, and nothing was restored yet."
        )
        click.echo("Not everything was done. To go on, give the same command once more.", err=True)
        return
    click.echo(
        f"{counted(planned.assets, 'asset')} in {counted(planned.files, 'file')}: "
        f"{counts.get('done', 0)} restored, "
        f"{counts.get('skipped', 0) - result.denied - result.held} needed nothing, "
        f"{idle} up to date, {left_out}"
        f"{counts.get('failed', 0)} failed, {counted(result.pending, 'unit')} not done. "
        f"{counted(found.refused, 'file')} refused, {found.ignored} ignored."
        + (f" {counted(found.changed, 'scan')} replaced by another file." if found.changed else "")
    )
    for path, code, reason in result.refused:
        click.echo(f"  refused  {readable(path)}: {readable(reason)} [{code}]", err=True)
    for failure in result.failures:
        names = ", ".join(readable(path) for path in failure.paths)
        click.echo(f"  failed   {names}: {readable(failure.message)} [{failure.code}]", err=True)
    for line in [line for line in result.planned.lines if line.action == "held"][:1]:
        more = f" and {line.count - 1:,} more" if line.count > 1 else ""
        click.echo(f"  held     {readable(line.example)}{more}: {line.reason}", err=True)
    if result.failures or result.refused:
        click.echo("After the cure, to try them again, give the same command once more.", err=True)
    if result.left_over:
        outputs = counted(result.left_over, "output")
        click.echo(
            f"The scans of {outputs} in place are gone, replaced or renamed. Nothing was deleted; "
            "archivist query --left-over lists them.",
            err=True,
        )
    if not found.files + found.refused:
        click.echo(
            f"No picture was found in {job.scans}. Cure: check that its disk is there, and the "
            "patterns under [scan]",
            err=True,
        )
    if result.pending:
        click.echo("Not everything was done. To go on, give the same command once more.", err=True)
    if report:
        click.echo(f"Report: {report}")
    click.echo(f"Outputs: {job.out}")
