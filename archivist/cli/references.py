"""`archivist references`: what lent to a photograph, and to what a photograph lent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.cli.options import catalog_options, place

if TYPE_CHECKING:
    from archivist.catalog.borrowing import Chosen
    from archivist.catalog.session import Catalog
    from archivist.model import Asset


@click.group()
def references() -> None:
    """Show which photographs of the archive lent texture or colour, and to which.

    ASSET is a path relative to the scans, a SHA-256 or an inventory number.
    """


@references.command()
@click.argument("name", metavar="ASSET")
@catalog_options
def show(
    name: str,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Show the references and exemplars chosen for ASSET, with score and reason, or why none."""
    from archivist.catalog.borrowing import chosen_for
    from archivist.catalog.session import open_catalog

    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        found = [
            (asset, one)
            for asset in _assets(catalog, name)
            for one in chosen_for(catalog, asset.uid)
        ]
        paths = _paths(catalog, found)
    if as_json:
        for asset, one in found:
            click.echo(json.dumps(_facts(asset, one, paths), ensure_ascii=False))
        return
    if not found:
        click.echo(f"No references were looked for, for {name}.")
    for _, one in found:
        _tell(one, paths)


@references.command("used-by")
@click.argument("name", metavar="ASSET")
@catalog_options
def used_by(
    name: str,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """List the results in place that may hold texture or colour of ASSET, with score and reason."""
    from archivist.catalog.borrowing import borrowings_of
    from archivist.catalog.session import open_catalog
    from archivist.cli.tables import print_table
    from archivist.report.words import readable

    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        rows = [
            row for asset in _assets(catalog, name) for row in borrowings_of(catalog, asset.uid)
        ]
    if as_json:
        for row in rows:
            click.echo(json.dumps(asdict(row), ensure_ascii=False))
        return
    if not rows:
        click.echo(f"No result in place borrowed from {name}.")
        return
    cells = [
        (
            readable(row.output),
            row.step,
            str(row.lends),
            "" if row.score is None else f"{row.score:.2f}",
            readable(row.reason),
            row.run[:13],
        )
        for row in rows
    ]
    print_table(("Output", "Step", "Lent", "Score", "Region and reason", "Run"), cells)


def _assets(catalog: Catalog, name: str) -> Sequence[Asset]:
    """Return the photographs of a name. Raises UsageError when there is none."""
    from archivist.api.errors import UsageError
    from archivist.catalog.queries import assets_named

    found = assets_named(catalog, name)
    if not found:
        raise UsageError(
            f"the catalog has no photograph {name!r}. Cure: give its path relative to the scans, "
            "its SHA-256 or its inventory number"
        )
    return found


def _paths(catalog: Catalog, found: Sequence[tuple[Asset, Chosen]]) -> dict[str, tuple[str, ...]]:
    from archivist.catalog.queries import paths_of

    wanted = {use.digest for _, one in found for use in one.references}
    wanted |= {uid.partition("#")[0] for _, one in found for uid, _ in one.refused}
    return paths_of(catalog, wanted)


def _facts(asset: Asset, one: Chosen, paths: dict[str, tuple[str, ...]]) -> dict[str, object]:
    return {
        "asset": asset.uid,
        "step": one.step,
        "lends": str(one.lends),
        "status": one.status,
        "reason": one.reason,
        "snapshot": one.snapshot,
        "run": one.run,
        "record": one.record,
        "references": [
            {
                "digest": use.digest,
                "paths": list(paths.get(use.digest, ())),
                "score": use.score,
                "reason": use.note,
            }
            for use in one.references
        ],
        "refused": [
            {
                "asset": uid,
                "paths": list(paths.get(uid.partition("#")[0], ())),
                "reason": reason,
            }
            for uid, reason in one.refused
        ],
    }


def _tell(one: Chosen, paths: dict[str, tuple[str, ...]]) -> None:
    for line in _lines(one, paths):
        click.echo(line)


def _lines(one: Chosen, paths: dict[str, tuple[str, ...]]) -> Iterator[str]:
    from archivist.report.words import readable

    count = len(one.references)
    told = f"{count} chosen" if count else f"none: {one.reason}"
    where = f"run {one.run[:13]}, index snapshot {one.snapshot[:12] or 'unknown'}"
    yield f"For {one.lends}: {one.step}, {where}: {told}"
    for use in one.references:
        score = "" if use.score is None else f"score {use.score:.2f}, "
        yield f"  {_name(use.digest, paths)}: {score}{readable(use.note)}"
    for uid, reason in one.refused:
        yield f"  refused {_name(uid, paths)}: {readable(reason)}"


def _name(uid: str, paths: dict[str, tuple[str, ...]]) -> str:
    """Return how people know a photograph: by its first path, with the page of several."""
    from archivist.report.words import readable

    digest, _, page = uid.partition("#")
    name = next(iter(paths.get(digest, ())), f"{digest[:12]} (no longer there)")
    return readable(name) + (f" page {int(page) + 1}" if page else "")
