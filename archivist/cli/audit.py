"""`archivist audit`: how a photograph came to be, from the file in hand back to the scan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.api.errors import UsageError
from archivist.cli.options import FOLDER, catalog_options, folder_of, place
from archivist.cli.spared import TEXT_FILE, spare_scans

if TYPE_CHECKING:
    from archivist.cli.options import Place
    from archivist.report.audit_find import Where
    from archivist.report.audit_rows import Audit


@click.command()
@click.argument("name", metavar="FILE|DIGEST|INVENTORY_NO|PATH")
@click.option("--html", type=TEXT_FILE, help="Write a page with pictures and map here (FILE.html).")
@click.option("--page", type=click.IntRange(1), help="Only this page of a scan of several.")
@click.option("--scans", type=FOLDER, help="Where the scans are now, if they were moved.")
@click.option("--quick", is_flag=True, help="Only what the catalog says: open no picture.")
@catalog_options
def audit(
    name: str,
    html: Path | None,
    page: int | None,
    scans: Path | None,
    quick: bool,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Show how a photograph came to be: every step, model, mask, reference and review.

    A FILE is found by its content, also when it was renamed or moved; so is a SHA-256 (eight
    digits are enough), an inventory number of the manifest, or a PATH as it was recorded. Without
    --out the folder is the one in which FILE lies.

    Shares of the picture are measured: what is untouched, what was corrected, filled in masks,
    invented, or copied from other photographs, and by which model. The digests of scan, outputs
    and stored results are computed anew.
    """
    from archivist.catalog.session import open_catalog
    from archivist.report.audit import audit as ask

    place_of = place(out or folder_of(name, catalog_url), catalog_url, config_file)
    where = _where(place_of, scans, quick)
    with open_catalog(place_of.catalog_url, write=False) as catalog:
        spare_scans(catalog, place_of, html, scans=scans)
        found = ask(catalog, name, where, page=None if page is None else page - 1)
    if html is not None:
        _write_page(found, where, html)
        click.echo(f"Written: {html}", err=as_json)
    if as_json:
        from archivist.report.audit_json import audit_facts

        click.echo(json.dumps(audit_facts(found), default=str, allow_nan=False, indent=1))
    elif html is None:
        from archivist.report.audit_text import audit_lines

        for line in audit_lines(found):
            click.echo(line)


def _where(place_of: Place, scans: Path | None, quick: bool) -> Where:
    from archivist.plugins import load_plugins
    from archivist.report.audit_find import Where
    from archivist.step.record import record_digest

    settings = place_of.settings.plugins
    plugins = load_plugins(settings.allow or None, settings.block)
    return Where(
        scans=scans,
        out=place_of.out,
        specs=plugins.steps,
        codecs=plugins.codecs,
        look=not quick,
        record_digest=record_digest,
    )


def _write_page(found: Audit, where: Where, path: Path) -> None:
    from archivist.report.audit_html import write_audit_page

    try:
        write_audit_page(found, where, path)
    except OSError as error:
        raise UsageError(
            f"the page cannot be written to {path}: {error.strerror or error}. "
            "Cure: free space or give write permission there, or name another file"
        ) from error
