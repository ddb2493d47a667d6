"""`archivist catalog`: show the catalog, or bring its schema up to date."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from archivist.cli.options import catalog_options, place


@click.group()
def catalog() -> None:
    """Show or upgrade the catalog."""


@catalog.command()
@catalog_options
def info(
    out: Path | None, catalog_url: str | None, config_file: Path | None, as_json: bool
) -> None:
    """Show what kind of catalog it is, its schema, and how much is in it."""
    from archivist.catalog.queries import info as ask
    from archivist.catalog.session import open_catalog

    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as opened:
        facts = asdict(ask(opened))
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    counts = facts.pop("counts")
    for name, value in facts.items():
        click.echo(f"{name:12} {value}")
    for name, number in counts.items():
        click.echo(f"{name:20} {number:12,}")


@catalog.command()
@catalog_options
def upgrade(
    out: Path | None, catalog_url: str | None, config_file: Path | None, as_json: bool
) -> None:
    """Bring the schema up to date; a SQLite catalog is copied first."""
    from archivist.catalog.migrate import current, head
    from archivist.catalog.migrate import upgrade as migrate

    where = place(out, catalog_url, config_file)
    before = current(where.catalog_url)
    backup = migrate(where.catalog_url)
    facts = {"from": before, "to": head(), "backup": str(backup) if backup else None}
    if as_json:
        click.echo(json.dumps(facts))
    elif before == head():
        click.echo(f"The catalog is at {head()} already.")
    else:
        click.echo(f"The catalog went from {before} to {head()}. Copy before: {backup or 'none'}")
