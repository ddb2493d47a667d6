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
    from archivist.cli.options import Place
    from archivist.model import Asset


@click.group()
def references() -> None:
    """Show which photographs of the archive lent texture or colour, and to which; withdraw one.

    ASSET is a scan or an output, whatever its name; a SHA-256 (eight digits are enough), an
    inventory number, or a path as it was recorded.
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
    from archivist.report.named import named

    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        found = [
            (asset, one)
            for asset in named(catalog, name, out=where.out).assets
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
    from archivist.report.named import named
    from archivist.report.words import readable

    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        rows = [
            row
            for asset in named(catalog, name, out=where.out).assets
            for row in borrowings_of(catalog, asset.uid)
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


@references.command()
@click.argument("name", metavar="ASSET")
@click.option("--reason", required=True, help="Why; kept with the withdrawal.")
@click.option("--by", default="", help="Who decides; the operator by default.")
@catalog_options
def withdraw(
    name: str,
    reason: str,
    by: str,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Let ASSET lend nothing any more, and list the results that borrowed from it.

    The next plan and run make these again without it, and say so. An approved result stays until it
    is rejected, or a run is asked to --override approvals.
    """
    from archivist.review.lending import Lending

    where = place(out, catalog_url, config_file)
    with _open_to_change(where) as catalog:
        lending = Lending(catalog=catalog, policy=where.settings.review, out=where.out)
        done = lending.withdraw(name, by=by or _operator(where), reason=reason)
    if as_json:
        click.echo(json.dumps(done.facts(), ensure_ascii=False))
        return
    for line in done.lines():
        click.echo(line)


@references.command()
@click.argument("name", metavar="ASSET")
@click.option("--reason", default="", help="Why; kept with the decision.")
@click.option("--by", default="", help="Who decides; the operator by default.")
@catalog_options
def restore(
    name: str,
    reason: str,
    by: str,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Undo a withdrawal: ASSET may lend again."""
    from archivist.review.lending import Lending

    where = place(out, catalog_url, config_file)
    with _open_to_change(where) as catalog:
        lending = Lending(catalog=catalog, policy=where.settings.review, out=where.out)
        done = lending.restore(name, by=by or _operator(where), reason=reason)
    if as_json:
        click.echo(json.dumps(done.facts(), ensure_ascii=False))
        return
    for line in done.lines():
        click.echo(line)


@references.command()
@catalog_options
def withdrawn(
    out: Path | None, catalog_url: str | None, config_file: Path | None, as_json: bool
) -> None:
    """List the photographs that were withdrawn, by whom and why."""
    from archivist.catalog.queries import paths_of, withdrawals
    from archivist.catalog.session import open_catalog
    from archivist.cli.tables import print_table
    from archivist.report.words import readable

    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        found = withdrawals(catalog)
        paths = paths_of(catalog, {uid.partition("#")[0] for uid in found})
    if as_json:
        for uid, one in found.items():
            names = list(paths.get(uid.partition("#")[0], ()))
            facts = {"asset": uid, "paths": names, "by": one.by, "reason": one.reason}
            click.echo(json.dumps(facts | {"at": one.at.isoformat()}, ensure_ascii=False))
        return
    if not found:
        click.echo("No photograph is withdrawn.")
        return
    cells = [
        (f"{one.at:%Y-%m-%d %H:%M}", _name(uid, paths), readable(one.by), readable(one.reason))
        for uid, one in found.items()
    ]
    print_table(("When (UTC)", "Photograph", "By", "Reason"), cells)


def _open_to_change(where: Place) -> Catalog:
    from archivist.catalog.beside import open_to_decide

    return open_to_decide(where.catalog_url, home=where.journal_home)


def _operator(where: Place) -> str:
    """Return who is at work, where nobody is named."""
    from archivist.pipeline.job import login

    return where.settings.operator or login()


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
