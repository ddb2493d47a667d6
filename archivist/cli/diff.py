"""`archivist diff`: what two runs did otherwise, and what came out otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import click

from archivist.api.errors import UsageError
from archivist.cli.options import FILE, catalog_options, place


@click.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@click.option("--html", type=FILE, help="Write a page with pictures here (FILE.html).")
@click.option(
    "--measure",
    type=click.IntRange(0),
    default=200,
    show_default=True,
    help="Measure the pictures of at most so many outputs that differ.",
)
@catalog_options
def diff(
    first: str,
    second: str,
    html: Path | None,
    measure: int,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Compare two runs: params, versions, weights, machines, and what came out.

    A RUN is a uid of `archivist status`, its first digits, `last`, or `last~1` for the one before.
    Each is taken as it left the archive. Outputs are identical, of the same pixels, or different;
    then the kept pictures are measured.
    """
    from archivist.catalog.session import open_catalog
    from archivist.report.comparing import compare, run_named
    from archivist.report.comparing_text import diff_facts, diff_lines

    where = place(out, catalog_url, config_file)
    store = None if where.out is None else where.store
    with open_catalog(where.catalog_url, write=False) as catalog:
        pair = run_named(catalog, first), run_named(catalog, second)
        found = compare(catalog, *pair, store=store, measured=measure)
    if html is not None:
        from archivist.report.comparing_html import write_diff_page

        try:
            write_diff_page(found, store, html)
        except OSError as error:
            raise UsageError(
                f"the page cannot be written to {html}: {error.strerror or error}. "
                "Cure: free space or give write permission there, or name another file"
            ) from error
        click.echo(f"Written: {html}", err=as_json)
    if as_json:
        click.echo(json.dumps(diff_facts(found), allow_nan=False, indent=1))
    elif html is None:
        for line in diff_lines(found):
            click.echo(line)
