"""`archivist scan`: find and identify the scans."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from archivist.cli.aside import set_aside
from archivist.cli.exits import Exit
from archivist.cli.options import (
    catalog_option,
    config_option,
    json_option,
    make_job,
    scan_options,
    watcher_for,
)
from archivist.model import counted


@click.command()
@scan_options
@click.option("--reread", is_flag=True, help="Read every file again, even unchanged ones.")
@catalog_option
@config_option
@json_option
def scan(as_json: bool, **options: object) -> int:
    """Find and identify the SCANS, and write them to the catalog."""
    from archivist.pipeline import scan as scan_pipeline

    job = make_job(options)
    with set_aside() as lines, watcher_for(as_json, lines) as watcher:
        run, found = scan_pipeline(job, watcher)
    if as_json:
        click.echo(json.dumps({"event": "result", "run": run, **asdict(found)}))
    else:
        click.echo(
            f"{counted(found.files, 'file')} with {counted(found.pages, 'page')}, "
            f"{found.unchanged:,} unchanged, {found.changed} replaced by another file, "
            f"{found.refused} refused, {found.ignored} ignored."
        )
        if found.similar:
            click.echo(
                f"Near duplicates: {counted(found.similar, 'pair')} of scans "
                "(archivist query --similar)."
            )
    return Exit.SOME_FAILED if found.refused else Exit.FINE
