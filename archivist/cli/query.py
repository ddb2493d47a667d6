"""`archivist query`: which outputs were made with something, and who reviewed them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.api.errors import UsageError
from archivist.cli.options import catalog_options, place
from archivist.cli.spared import TEXT_FILE_OR_OUTPUT, spare_scans

if TYPE_CHECKING:
    from archivist.catalog.session import Catalog
    from archivist.catalog.uses import Condition
    from archivist.cli.options import Place


@click.command()
@click.option("--uses-weights", metavar="SHA", help="Made with these weights (SHA-256).")
@click.option(
    "--made-with",
    metavar="NAME",
    help="Made with PLUGIN, PLUGIN==VERSION, STEP or STEP@VERSION.",
)
@click.option("--reference", metavar="ASSET", help="Borrowed from this photograph of the archive.")
@click.option("--reviewed-by", metavar="NAME", help="Reviewed by this person.")
@click.option("--denied", is_flag=True, help="Forbidden by the rights of now, or by withdrawals.")
@click.option("--left-over", is_flag=True, help="Whose scan is gone, replaced or renamed.")
@click.option("--similar", is_flag=True, help="Pairs of scans that look alike, not outputs.")
@click.option("--ever", is_flag=True, help="Also outputs that have been replaced since.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@click.option(
    "--csv",
    type=TEXT_FILE_OR_OUTPUT,
    help="Write a table for spreadsheets here (- for the output).",
)
@catalog_options
def query(
    uses_weights: str | None,
    made_with: str | None,
    reference: str | None,
    reviewed_by: str | None,
    denied: bool,
    left_over: bool,
    similar: bool,
    ever: bool,
    limit: int | None,
    csv: Path | None,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """List the outputs that were made with weights, a plugin, or a reference, or reviewed.

    Of several conditions all must hold. An output that a later run made anew without what is asked
    for is not listed, unless --ever asks for earlier versions too. ASSET is a photograph as
    `archivist audit` takes it: a file, a SHA-256, an inventory number or a path.

    --denied lists outputs in place that hold what the rights of their photograph forbid by now, or
    borrowed from one that may lend nothing, by the rules under [rights] and the last scan. It goes
    with no other condition; nothing is deleted. So does --left-over, which lists outputs in place
    whose scan is not where it was: a run publishes a renamed scan under its new name too. So does
    --similar, which lists near duplicates among the scans, as the last scan found them.
    """
    from archivist.catalog.alike import alike
    from archivist.catalog.moved import uses_left_over
    from archivist.catalog.session import open_catalog
    from archivist.catalog.uses import uses
    from archivist.report.use_rows import COLUMNS, PAIR_COLUMNS, pair_row, row_of

    rows: Iterator[dict[str, str | int]]
    asked = any((uses_weights, made_with, reference, reviewed_by))
    if asked + denied + left_over + similar != 1:
        raise UsageError(
            "say what to look for. Cure: --uses-weights, --made-with, --reference, --reviewed-by, "
            "or --denied alone, --left-over alone, or --similar alone"
        )
    if csv is not None and as_json:
        raise UsageError("--csv and --json are two forms of one list. Cure: give one of them")
    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        spare_scans(catalog, where, csv)
        if denied:
            rows = _denied(catalog, where)
        elif similar:
            rows = map(pair_row, alike(catalog))
        elif left_over:
            rows = (row_of(use, scan=said) for use, said in uses_left_over(catalog))
        else:
            conditions = list(_conditions(catalog, uses_weights, made_with, reference, reviewed_by))
            rows = map(row_of, uses(catalog, conditions, ever=ever))
        found = islice(rows, limit)
        if csv is not None:
            _write_csv(found, csv, PAIR_COLUMNS if similar else COLUMNS)
        elif as_json:
            for row in found:
                click.echo(json.dumps(row))
        elif similar:
            _show_pairs(found)
        else:
            _show(found)


def _denied(catalog: Catalog, where: Place) -> Iterator[dict[str, str | int]]:
    from archivist.catalog.denied import denied_outputs
    from archivist.plugins import load_plugins
    from archivist.report.use_rows import row_of
    from archivist.rights import Rights

    if not where.settings.rights.rules:
        click.echo(
            "No rules under [rights] are in force here: only withdrawn references count. Give the "
            "configuration that has them with --config.",
            err=True,
        )
    chosen = where.settings.plugins
    specs = load_plugins(chosen.allow or None, chosen.block).steps
    colours = {name for name, spec in specs.items() if spec.adds_colour}
    for one in denied_outputs(catalog, Rights(where.settings.rights), colours=colours):
        yield row_of(one.use, denied=one.reasons)


def _conditions(
    catalog: Catalog,
    weights: str | None,
    made: str | None,
    reference: str | None,
    reviewer: str | None,
) -> Iterator[Condition]:
    from archivist.catalog import uses

    if reference is not None:
        from archivist.report.audit_find import Where, find

        _, matches, _ = find(catalog, reference, Where())
        yield uses.borrowed_from({match.digest for match in matches})
    if weights is not None:
        yield uses.uses_weights(catalog, weights)
    if made is not None:
        yield uses.made_with(catalog, made)
    if reviewer is not None:
        yield uses.reviewed_by(catalog, reviewer)


def _write_csv(rows: Iterator[dict[str, str | int]], path: Path, columns: Iterable[str]) -> None:
    from archivist.report.use_rows import write_rows
    from archivist.store.atomic import replacing

    if str(path) == "-":
        write_rows(rows, sys.stdout, columns)
        return
    try:
        # The byte order mark without which Excel takes UTF-8 for another code.
        with (
            replacing(path) as temporary,
            temporary.open(
                "w", encoding="utf-8-sig", errors="backslashreplace", newline=""
            ) as stream,
        ):
            count = write_rows(rows, stream, columns)
    except OSError as error:
        raise UsageError(
            f"the table cannot be written to {path}: {error.strerror or error}. "
            "Cure: free space or give write permission there, or name another file"
        ) from error
    click.echo(f"{count} written to {path}")


def _show(rows: Iterator[dict[str, str | int]]) -> None:
    from archivist.cli.tables import print_table
    from archivist.report.words import readable

    cells = [
        (
            readable(str(row["output"]))
            + (f" page {row['page']}" if "#" in str(row["asset"]) else ""),
            readable(str(row["inventory_no"])),
            str(row["asset"])[:12],
            str(row["run"])[:13],
            str(row["published"])[:10],
            str(row["state"]),
            readable(str(row["denied"] or row["scan"] or row["reviewed"] or row["steps"])),
        )
        for row in rows
    ]
    if not cells:
        click.echo("There is no such output.")
        return
    print_table(("Output", "Inventory no", "Asset", "Run", "Date", "State", "Why"), cells)


def _show_pairs(rows: Iterator[dict[str, str | int]]) -> None:
    from archivist.cli.tables import print_table
    from archivist.report.words import readable

    cells = [
        (readable(str(row["first"])), readable(str(row["second"])), str(row["bits"]))
        for row in rows
    ]
    if not cells:
        click.echo("No two scans look alike.")
        return
    print_table(("Scan", "Looks like", "Bits that differ"), cells)
