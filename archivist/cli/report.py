"""`archivist report`: write what was done, for people and for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.api.errors import UsageError
from archivist.cli.exits import Exit
from archivist.cli.options import FILE, FOLDER, Place, catalog_options, place

if TYPE_CHECKING:
    from archivist.config import Settings
    from archivist.plugins import Plugins


@click.command()
@click.option("--html", type=FILE, help="Write the page for people here (FILE.html).")
@click.option("--csv", type=FILE, help="Write a table for spreadsheets here (FILE.csv).")
@click.option("--export", "exporter", metavar="ID", help="Write it by a plugin's exporter.")
@click.option("--to", "target", type=FILE, help="Where --export writes.")
@click.option("--list-exporters", is_flag=True, help="List the exporters of plugins, do no more.")
@click.option("--run", "run_uid", metavar="UID", help="Only what this run treated.")
@click.option("--scans", type=FOLDER, help="Where the scans are now, if they were moved.")
@click.option(
    "--cards",
    type=click.IntRange(0),
    default=200,
    show_default=True,
    help="At most so many photographs are shown with pictures.",
)
@click.option("--no-pictures", is_flag=True, help="Leave out all pictures: quick, and small.")
@catalog_options
def report(
    html: Path | None,
    csv: Path | None,
    exporter: str | None,
    target: Path | None,
    list_exporters: bool,
    run_uid: str | None,
    scans: Path | None,
    cards: int,
    no_pictures: bool,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Write the report of the archive: a page (--html), a table (--csv), or JSON to the output.

    A plugin may offer other formats: --export ID --to FILE. Without any of these the page goes to
    DIR/.archivist/report.html.
    """
    from archivist.report import write_report
    from archivist.report.html import Limits

    if list_exporters:
        return _list_exporters(config_file, as_json)
    if (exporter is None) != (target is None):
        raise UsageError("--export ID and --to FILE belong together. Cure: give both")
    where, code = place(out, catalog_url, config_file), Exit.FINE
    if exporter is not None and target is not None:
        code = _export(where, exporter, target, run_uid, scans)
    if not any((html, csv, exporter, as_json)):
        html = where.home / "report.html"
    if html is not None or csv is not None:
        plugins = _plugins(where.settings)
        written = write_report(
            where.catalog_url,
            scans=scans,
            out=None if out is None else out.absolute(),
            path=html,
            csv=csv,
            run=run_uid,
            specs=plugins.steps,
            codecs=plugins.codecs,
            pictures=not no_pictures,
            limits=Limits(cards=cards),
        )
        for path in written.paths:
            click.echo(f"Written: {path}", err=as_json)
        if written.left_out:
            click.echo(
                f"Pictures of {written.shown} photographs are in the page; "
                f"{written.left_out} more are only in its list.",
                err=as_json,
            )
    if as_json:
        _dump(where, run_uid, scans)
    return code


def _plugins(settings: Settings) -> Plugins:
    from archivist.plugins import load_plugins

    return load_plugins(settings.plugins.allow or None, settings.plugins.block)


def _list_exporters(config_file: Path | None, as_json: bool) -> Exit:
    from archivist.cli.tables import print_table
    from archivist.config import load

    found = [one for _, one in sorted(_plugins(load(config_file)).exporters.items())]
    if as_json:
        rows = [{"id": one.id, "title": one.title, "suffix": one.suffix} for one in found]
        click.echo(json.dumps(rows, ensure_ascii=False))
    elif found:
        print_table(("ID", "Suffix", "Title"), [(one.id, one.suffix, one.title) for one in found])
    else:
        click.echo("No plugin offers an exporter; --html, --csv and --json are always there.")
    return Exit.FINE


def _export(where: Place, name: str, target: Path, run: str | None, scans: Path | None) -> Exit:
    from archivist.api.errors import PluginError
    from archivist.report.export import exporter_named
    from archivist.report.write import write_export

    exporter = exporter_named(name, _plugins(where.settings).exporters)
    out = None if where.out is None else where.out.absolute()
    try:
        write_export(where.catalog_url, target, exporter, scans=scans, out=out, run=run)
    except PluginError as error:
        click.echo(f"Error: {error}", err=True)
        return Exit.SOME_FAILED
    click.echo(f"Written: {target}", err=True)
    return Exit.FINE


def _dump(where: Place, run: str | None, scans: Path | None) -> None:
    from archivist.catalog.session import open_catalog
    from archivist.report.as_json import dump_json
    from archivist.report.gather import CatalogSource

    with open_catalog(where.catalog_url, write=False) as catalog:
        out = None if where.out is None else where.out.absolute()
        dump_json(CatalogSource(catalog, run=run, scans=scans, out=out), sys.stdout)
