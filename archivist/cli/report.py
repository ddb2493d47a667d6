"""`archivist report`: write what was done, for people and for programs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from archivist.cli.options import FILE, FOLDER, Place, catalog_options, place


@click.command()
@click.option("--html", type=FILE, help="Write the page for people here (FILE.html).")
@click.option("--csv", type=FILE, help="Write a table for spreadsheets here (FILE.csv).")
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
    run_uid: str | None,
    scans: Path | None,
    cards: int,
    no_pictures: bool,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Write the report of the archive: a page (--html), a table (--csv), or JSON to the output.

    Without any of these the page goes to DIR/.archivist/report.html.
    """
    from archivist.report import write_report
    from archivist.report.html import Limits

    where = place(out, catalog_url, config_file)
    if html is None and csv is None and not as_json:
        html = where.home / "report.html"
    if html is not None or csv is not None:
        written = write_report(
            where.catalog_url,
            scans=scans,
            out=None if out is None else out.absolute(),
            path=html,
            csv=csv,
            run=run_uid,
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


def _dump(where: Place, run: str | None, scans: Path | None) -> None:
    from archivist.catalog.session import open_catalog
    from archivist.report.as_json import dump_json
    from archivist.report.gather import CatalogSource

    with open_catalog(where.catalog_url, write=False) as catalog:
        out = None if where.out is None else where.out.absolute()
        dump_json(CatalogSource(catalog, run=run, scans=scans, out=out), sys.stdout)
