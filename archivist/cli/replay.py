"""`archivist replay`: do the recorded steps again, and compare."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from archivist.cli.aside import set_aside
from archivist.cli.exits import Exit
from archivist.cli.options import FOLDER, Place, catalog_options, folder_of, place
from archivist.cli.spared import spare_archive
from archivist.model import counted

if TYPE_CHECKING:
    from archivist.catalog.replays import Replayed
    from archivist.pipeline.replay import ReplayResult, Target
    from archivist.plugins import Plugins
    from archivist.report.audit_find import Where as Findings
    from archivist.schedule.stop import StopSignal


@click.command()
@click.argument("name", metavar="FILE|DIGEST|INVENTORY_NO|RUN")
@click.option("--scans", type=FOLDER, help="Where the scans are now, if they were moved.")
@click.option("--sample", type=click.IntRange(1), help="Only so many scans of a run.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Decides the sample."
)
@click.option("--pictures", type=FOLDER, help="Write a picture of each difference here.")
@click.option("--no-record", is_flag=True, help="Only tell the verdicts, keep no record of them.")
@click.option("--operator", default="", help="Who is responsible, for the record.")
@click.option("--scheduler", help="auto, serial, or tcp://HOST:PORT of a Dask scheduler.")
@click.option("--workers", type=click.IntRange(1), help="Worker processes.")
@catalog_options
def replay(
    name: str,
    scans: Path | None,
    sample: int | None,
    seed: int,
    pictures: Path | None,
    no_record: bool,
    operator: str,
    scheduler: str | None,
    workers: int | None,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Do the recorded steps of a photograph, or of a RUN, again and compare what comes out.

    Steps, versions, params, seeds, weights, references and masks are those of the record, not of
    today's settings. Each output gets one of five verdicts: bit-identical; pixel-identical (in
    another container); within tolerance; different; cannot be reproduced, with what is missing.
    Nothing published or recorded is touched; the verdicts themselves are recorded.

    A RUN is a uid of `archivist status`, its first digits, `last` or `last~1`. Ends with exit code
    0 only when all outputs were made again, else with 3.
    """
    from archivist.catalog.session import open_catalog
    from archivist.pipeline.replay import (
        Where,
        run_asked,
        start_record,
        targets_of_file,
        targets_of_run,
    )
    from archivist.pipeline.replay import replay as do_again

    at = place(out or folder_of(name, catalog_url), catalog_url, config_file)
    plugins = plugins_of(at)
    where = Where(
        settings=at.settings,
        scans=scans and scans.absolute(),
        out=at.out and at.out.absolute(),
        scheduler=scheduler or at.settings.schedule.scheduler,
        workers=workers or at.settings.schedule.workers or None,
        pictures=pictures and pictures.absolute(),
    )
    with open_catalog(
        at.catalog_url, write=not no_record, create=False, home=at.journal_home
    ) as catalog:
        spare_archive(catalog, at, pictures)
        run = run_asked(catalog, name)
        pages: Iterable[Sequence[Target]]
        if run is None:
            targets, warnings = targets_of_file(catalog, name, find_in(at, scans, plugins))
            for warning in warnings:
                click.echo(f"WARNING: {warning}", err=True)
            pages = [targets]
        else:
            pages = targets_of_run(catalog, run, sample=sample or 0, seed=seed)
        record = None
        if not no_record:
            record = start_record(
                catalog,
                at.settings,
                command="replay",
                operator=operator,
                scans=where.scans,
                out=where.out,
                facts={"asked": name, "sample": sample or 0, "seed": seed},
            )
        with stopping() as (stop, lines):
            say = teller(as_json, lines)
            result = do_again(catalog, plugins, where, pages, note=say, record=record, stop=stop)
    sum_up(result, as_json)
    if result.stopped:
        return Exit.INTERRUPTED
    return Exit.FINE if result.reproduced else Exit.SOME_FAILED


def plugins_of(at: Place) -> Plugins:
    """Load the plugins that the settings of today allow."""
    from archivist.plugins import load_plugins

    chosen = at.settings.plugins
    return load_plugins(chosen.allow or None, chosen.block)


def find_in(at: Place, scans: Path | None, plugins: Plugins) -> Findings:
    """Return where photographs are looked for."""
    from archivist.report.audit_find import Where

    return Where(scans=scans, out=at.out, specs=plugins.steps, codecs=plugins.codecs, look=False)


@contextlib.contextmanager
def stopping() -> Iterator[tuple[StopSignal, TextIO]]:
    """Let Ctrl-C finish what is under way; what a plugin prints stays out of our lines.

    Yields the signal, and the stream that our lines go to meanwhile.
    """
    from archivist.schedule.stop import Stop, StopSignal

    stop = StopSignal()

    def say(level: Stop) -> None:
        if level is Stop.DRAIN:
            click.echo(
                "Stopping: finishing what is under way. Ctrl-C (or SIGTERM) again stops at once.",
                err=True,
            )

    with stop.listen(say), set_aside() as lines:
        yield stop, lines


def teller(as_json: bool, stream: TextIO) -> Callable[[Replayed], None]:
    """Return what prints a verdict."""
    from archivist.report.verdicts import verdict_facts, verdict_lines

    def say(one: Replayed) -> None:
        if as_json:
            line = json.dumps({"event": "verdict", **verdict_facts(one)}, allow_nan=False)
            click.echo(line, file=stream)
            return
        for text in verdict_lines(one):
            click.echo(text, file=stream)

    return say


def sum_up(result: ReplayResult, as_json: bool) -> None:
    """Print how many outputs got which verdict."""
    from archivist.catalog.replays import Verdict

    counts = {str(one): result.counts[one] for one in Verdict if result.counts[one]}
    pictures = [str(path) for path in result.pictures]
    if as_json:
        facts = {"event": "result", "counts": counts, "pictures": pictures}
        click.echo(json.dumps(facts | {"reproduced": result.reproduced, "stopped": result.stopped}))
        return
    told = ", ".join(f"{number:,} {name}" for name, number in counts.items())
    outputs = counted(sum(counts.values()), "output")
    click.echo(f"{outputs}: {told}." if told else "No output was made again.")
    for path in pictures:
        click.echo(f"Difference: {path}")
    if result.stopped:
        click.echo("It was stopped before all were made again.", err=True)
