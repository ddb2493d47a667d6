"""`archivist explain`: what happened at one pixel, and where texture and colour came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.api.errors import UsageError
from archivist.cli.exits import Exit
from archivist.cli.options import FILE, FOLDER, Place, catalog_options, folder_of, place
from archivist.cli.spared import spare_archive

if TYPE_CHECKING:
    from archivist.api import CodecSpec
    from archivist.catalog.session import Catalog
    from archivist.report.explaining import Explanation, Folders


@click.command()
@click.argument("name", metavar="FILE|DIGEST|INVENTORY_NO|PATH")
@click.option("--at", "spot", metavar="X,Y", required=True, help="The pixel of the result.")
@click.option("--page", type=click.IntRange(1), help="Of a file of several pages.")
@click.option("--picture", type=FILE, help="Draw the result beside what lent to it (FILE.png).")
@click.option("--scans", type=FOLDER, help="Where the scans are now, if they were moved.")
@catalog_options
def explain(
    name: str,
    spot: str,
    page: int | None,
    picture: Path | None,
    scans: Path | None,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Say what happened at a pixel of FILE: untouched, corrected, filled, invented or borrowed.

    By which step, from what value to what; and where texture or colour was borrowed, from which
    photograph, from where in it, and how alike the places are.

    FILE is an output, or the scan that it was made of, and is named as for `archivist audit`: found
    by its content, also when it was renamed or moved, or by SHA-256, inventory number or path. X,Y
    counts pixels of the output from its top left corner.
    """
    from archivist.catalog.session import open_catalog
    from archivist.report.explain_words import sentences
    from archivist.report.explaining import explain as look

    at = _spot(spot)
    where = place(out or folder_of(name, catalog_url), catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        spare_archive(catalog, where, picture)
        folders = _folders(catalog, where, scans)
        number = None if page is None else page - 1
        found = look(catalog, name, at, folders, page=number, codecs=_codecs(where))
    if as_json:
        click.echo(json.dumps(_facts(found), ensure_ascii=False))
    else:
        for line in sentences(found):
            click.echo(line)
    if picture is not None:
        _draw(found, folders, picture, where)
        click.echo(f"Written: {picture}", err=as_json)
    return Exit.FINE


def _spot(text: str) -> tuple[int, int]:
    try:
        x, y = (int(number) for number in text.split(","))
    except ValueError:
        raise UsageError(f"--at {text!r} is no place. Cure: --at 120,80 (column, row)") from None
    return x, y


def _folders(catalog: Catalog, where: Place, scans: Path | None) -> Folders:
    """Return the folders: those given, else those that the newest run recorded."""
    from archivist.catalog.queries import folders
    from archivist.report.explaining import Folders

    recorded = folders(catalog)
    out = where.out or recorded.get("out", Path())
    return Folders(
        scans=(scans or recorded.get("scans", Path())).absolute(),
        out=out.absolute(),
        store=out.absolute() / ".archivist" / "store",
    )


def _draw(found: Explanation, folders: Folders, picture: Path, where: Place) -> None:
    from archivist.report.patches import draw

    draw(found, folders, picture, codecs=_codecs(where))


def _codecs(where: Place) -> Mapping[str, CodecSpec]:
    from archivist.plugins import load_plugins

    settings = where.settings.plugins
    return load_plugins(settings.allow or None, settings.block).codecs


def _facts(found: Explanation) -> dict[str, object]:
    return {
        "file": found.name,
        "asset": found.asset.uid,
        "scan": found.scan,
        "at": [found.x, found.y],
        "size": [found.width, found.height],
        "cell": list(found.cell),
        "happened": asdict(found.pixel),
        "borrowed": [asdict(one) for one in found.borrowings],
        "invented": [asdict(one) for one in found.grades],
        "steps": [
            {"step": one.step, "version": one.version, "record": one.digest} for one in found.makers
        ],
        "problem": found.problem,
        "warnings": found.warnings,
    }
