"""`archivist diff`: what two runs did otherwise, and what came out otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.api.errors import UsageError
from archivist.cli.options import FOLDER, catalog_options, place
from archivist.cli.spared import TEXT_FILE, spare_archive, spare_scans

if TYPE_CHECKING:
    from archivist.report.comparing_rows import Comparison


@click.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@click.option("--html", type=TEXT_FILE, help="Write a page with pictures here (FILE.html).")
@click.option("--pictures", type=FOLDER, help="Write a picture of each difference here.")
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
    pictures: Path | None,
    measure: int,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Compare two runs: params, versions, weights, machines, metadata, and what came out.

    A RUN is a uid of `archivist status`, its first digits, `last`, or `last~1` for the one before.
    Each is taken as it left the archive. Outputs are identical, of the same pixels, or different;
    then the kept pictures are measured, and may be within the tolerance that the steps declare.
    """
    from archivist.catalog.session import open_catalog
    from archivist.plugins import load_plugins
    from archivist.report.comparing import compare
    from archivist.report.comparing_text import diff_facts, diff_lines
    from archivist.report.run_names import run_named

    where = place(out, catalog_url, config_file)
    store = None if where.out is None else where.store
    chosen = where.settings.plugins
    plugins = load_plugins(chosen.allow or None, chosen.block)
    with open_catalog(where.catalog_url, write=False) as catalog:
        spare_archive(catalog, where, pictures)
        spare_scans(catalog, where, html)
        pair = run_named(catalog, first), run_named(catalog, second)
        found = compare(catalog, *pair, store=store, specs=plugins.steps, measured=measure)
    if pictures is not None and store is not None:
        _write_pictures(found, store, pictures, as_json)
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


def _write_pictures(found: Comparison, store: Path, folder: Path, as_json: bool) -> None:
    """Write a picture of each measured difference, from the pictures that the store kept."""
    from archivist.model import text_to_path
    from archivist.report.difference_pictures import write_difference
    from archivist.store.blobs import BlobStore

    blobs = BlobStore(store)
    for one in found.outputs:
        first, second = (picture and picture.blob for picture in one.pictures)
        if one.measure is None or not first or not second:
            continue
        page = f"~page{one.page + 1}" if one.pages > 1 else ""
        target = folder / f"{text_to_path(one.path)}{page}.difference.png"
        try:
            write_difference(blobs.path(first), blobs.path(second), target, {}, ("first", "second"))
        except OSError as error:
            raise UsageError(
                f"{target} cannot be written: {error.strerror or error}. Cure: free space or give "
                "write permission there, or name another folder with --pictures"
            ) from error
        click.echo(f"Difference: {target}", err=as_json)
