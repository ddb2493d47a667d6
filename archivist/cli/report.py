"""`archivist report`: write what was done, for people and for programs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.api.errors import UsageError
from archivist.cli.aside import set_aside
from archivist.cli.exits import Exit
from archivist.cli.options import FOLDER, Place, catalog_options, place
from archivist.cli.spared import TEXT_FILE, spare_scans
from archivist.model import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archivist.api import ExporterSpec
    from archivist.config import Settings
    from archivist.plugins import Plugins


@click.command()
@click.option("--html", type=TEXT_FILE, help="Write the page for people here (FILE.html).")
@click.option("--csv", type=TEXT_FILE, help="Write a table for spreadsheets here (FILE.csv).")
@click.option("--export", "exporter", metavar="ID", help="Write it by a plugin's exporter.")
@click.option(
    "--to",
    "target",
    type=TEXT_FILE,
    help="The file or folder that --export writes; without it, the export of runs is brought up to "
    "date.",
)
@click.option(
    "--set",
    "assignments",
    metavar="NAME=VALUE",
    multiple=True,
    help="A param of the exporter; may be given again.",
)
@click.option("--list-exporters", is_flag=True, help="List the exporters of plugins, do no more.")
@click.option(
    "--run", "run_uid", metavar="RUN", help="Only what this run treated: its uid, last, last~1."
)
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
    assignments: tuple[str, ...],
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

    A plugin may offer other formats: --export ID --to PATH; without --to, what runs make in
    DIR/.archivist/exports is brought up to date. Without any of these the page goes to
    DIR/.archivist/report.html.
    """
    from archivist.catalog.session import open_catalog
    from archivist.report import write_report
    from archivist.report.html import Limits
    from archivist.report.run_names import run_named

    if list_exporters:
        return _list_exporters(config_file, as_json)
    if exporter is None and target is not None:
        raise UsageError("--to PATH is where an exporter writes. Cure: add --export ID")
    if exporter is not None and target is None and run_uid is not None:
        raise UsageError(
            "what --export brings up to date is the export of the whole archive. Cure: add --to "
            "PATH for that of one run"
        )
    if assignments and exporter is None:
        raise UsageError("--set NAME=VALUE is for an exporter. Cure: add --export ID --to PATH")
    where, code = place(out, catalog_url, config_file), Exit.FINE
    with open_catalog(where.catalog_url, write=False) as catalog:
        spare_scans(catalog, where, html, csv, target, scans=scans)
        run_uid = None if run_uid is None else run_named(catalog, run_uid).uid
    if exporter is not None:
        code = _export(where, exporter, target, run_uid, scans, assignments, as_json)
    if not any((html, csv, exporter, as_json)):
        html = where.home / "report.html"
    if html is not None or csv is not None:
        plugins = _plugins(where.settings)
        with set_aside():
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
                f"Pictures of {counted(written.shown, 'photograph')} are in the page; of "
                f"{written.left_out:,} more it has only the names.",
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
        rows = [_listed(one) for one in found]
        click.echo(json.dumps(rows, ensure_ascii=False))
    elif found:
        words = [(one.id, "folder" if one.folder else one.suffix, one.title) for one in found]
        print_table(("ID", "Makes", "Title"), words)
    else:
        click.echo("No plugin offers an exporter; --html, --csv and --json are always there.")
    return Exit.FINE


def _listed(exporter: ExporterSpec) -> dict[str, object]:
    from archivist.plugins import describe_params

    return {
        "id": exporter.id,
        "title": exporter.title,
        "suffix": exporter.suffix,
        "folder": exporter.folder,
        "params": [
            {"name": one.name, "default": one.default, "allowed": one.allowed, "doc": one.doc}
            for one in describe_params(exporter)
        ],
    }


def _assigned(exporter: ExporterSpec, assignments: Iterable[str]) -> dict[str, object]:
    """Return the params that the command line sets, each as a text or as the value it spells."""
    from archivist.plugins import describe_params

    texts = {one.name for one in describe_params(exporter) if isinstance(one.default, str)}
    values: dict[str, object] = {}
    for item in assignments:
        name, equals, text = item.partition("=")
        if not equals:
            raise UsageError(f"--set {item!r} has no '='. Cure: write --set NAME=VALUE")
        try:
            values[name] = text if name in texts else json.loads(text)
        except ValueError:
            values[name] = text
    return values


def _export(
    where: Place,
    name: str,
    target: Path | None,
    run: str | None,
    scans: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> Exit:
    """Export with the params of the configuration, where --set gives no others."""
    from archivist.pipeline.exports_asked import params_of
    from archivist.report.export import exporter_named

    exporter = exporter_named(name, _plugins(where.settings).exporters)
    configured = params_of(exporter, where.settings.publish, where.config_file)
    params = {**configured, **_assigned(exporter, assignments)}
    if target is None:
        return _bring_up_to_date(where, exporter, scans, params, as_json)
    return _export_to(where, exporter, target, run, scans, params)


def _bring_up_to_date(
    where: Place,
    exporter: ExporterSpec,
    scans: Path | None,
    params: Mapping[str, object],
    as_json: bool,
) -> Exit:
    from archivist.cli.exported import tell_exports
    from archivist.pipeline.exporting import Archive, ExportState, bring_up_to_date
    from archivist.pipeline.exports_asked import export_of
    from archivist.report.export import is_ready

    home = where.home.absolute()
    export = export_of(exporter, where.settings.publish, home, where.config_file)
    export = replace(export, params=params)
    is_ready(exporter, params)  # what the user can cure is told as for any other command
    archive = Archive(url=where.catalog_url, home=home, settings=where.settings, scans=scans)
    with set_aside():
        (done,) = bring_up_to_date(
            (export,), archive, say=lambda text: click.echo(text, err=True), again=True
        )
    tell_exports([done], err=as_json)
    ends = {ExportState.FAILED: Exit.SOME_FAILED, ExportState.LEFT: Exit.INTERRUPTED}
    return ends.get(done.state, Exit.FINE)


def _export_to(
    where: Place,
    exporter: ExporterSpec,
    target: Path,
    run: str | None,
    scans: Path | None,
    params: Mapping[str, object],
) -> Exit:
    from archivist.api.errors import PluginError
    from archivist.report.write import write_export

    out = None if where.out is None else where.out.absolute()
    try:
        with set_aside():
            write_export(
                where.catalog_url, target, exporter, scans=scans, out=out, run=run, params=params
            )
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
