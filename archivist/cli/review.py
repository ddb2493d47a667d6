"""`archivist review`: approve or reject results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.api.errors import UsageError
from archivist.cli.options import catalog_options, place

if TYPE_CHECKING:
    from archivist.catalog.rows import Decision
    from archivist.cli.options import Place


@click.group()
def review() -> None:
    """Approve or reject results. An approved result is not replaced by later runs."""


def _decision(name: str, text: str) -> None:
    @review.command(name, help=text)
    @click.argument("paths", nargs=-1, required=True)
    @click.option("--by", required=True, help="Who decides.")
    @click.option("--reason", default="", help="Why; kept with the decision.")
    @catalog_options
    def command(
        paths: Sequence[str],
        by: str,
        reason: str,
        out: Path | None,
        catalog_url: str | None,
        config_file: Path | None,
        as_json: bool,
    ) -> None:
        from archivist.catalog.rows import Decision

        decision = Decision(name)
        count = _record(place(out, catalog_url, config_file), paths, decision, by, reason)
        click.echo(f'{{"reviewed": {count}}}' if as_json else f"{count} results: {decision}.")


_decision("approve", "Approve results, named by the paths of their scans: later runs keep them.")
_decision("reject", "Reject results, named by the paths of their scans: later runs may redo them.")


def _record(where: Place, paths: Sequence[str], decision: Decision, by: str, reason: str) -> int:
    from archivist.catalog.lookups import assets_of, file_stats
    from archivist.catalog.session import open_catalog
    from archivist.catalog.writer import Writer
    from archivist.model import path_to_text

    with open_catalog(where.catalog_url, write=True, create=False) as catalog:
        stats = file_stats(catalog)
        found = {path: stats.get(path_to_text(path)) for path in paths}
        unknown = [path for path, stat in found.items() if stat is None]
        if unknown:
            raise UsageError(
                f"the catalog has no scan {unknown[0]!r}. Cure: give the path relative to the "
                "folder of scans, as `archivist report --csv FILE` lists it"
            )
        digests = [stat.digest for stat in found.values() if stat is not None]
        assets = [asset.uid for pages in assets_of(catalog, digests).values() for asset in pages]
        writer = Writer(catalog)
        for asset in assets:
            writer.review(asset, decision, by=by, reason=reason)
    return len(assets)
