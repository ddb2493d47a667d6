"""`archivist catalog`: show the catalog, bring its schema up to date, or bring it back."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.cli.exits import Exit
from archivist.cli.options import FOLDER, Place, catalog_options, place
from archivist.model import counted

if TYPE_CHECKING:
    from archivist.catalog.journal.rebuild import Rebuilt
    from archivist.report.absent import Absent

SHOWN = 20
"""Damages that are shown one by one; all of them are in the JSON."""


@click.group()
def catalog() -> None:
    """Show or upgrade the catalog; bring back a lost one."""


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


@catalog.command()
@click.option("--scans", type=FOLDER, help="Where the scans are, to see which are missing.")
@click.option("--instance", help="Which catalog, when the folder holds the journals of several.")
@catalog_options
def rebuild(
    scans: Path | None,
    instance: str | None,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Make a catalog that was lost again, from its journal in the output folder.

    Every row comes back, and the ledger has the roots that its checkpoints say. A catalog that is
    there is never written over. What is damaged in the journal is left out and named; then, and
    when a checkpoint disagrees, the exit code is 3.
    """
    from archivist.catalog.journal.rebuild import rebuild as rebuild_catalog

    where = place(out, catalog_url, config_file)
    done = rebuild_catalog(where.catalog_url, where.home.absolute(), instance=instance)
    missing = _absent(where, scans)
    if as_json:
        click.echo(json.dumps(_rebuilt_facts(done, missing), ensure_ascii=False))
    else:
        _tell_rebuilt(done, missing)
    whole = done.agrees and not (done.damage or done.left_out)
    return Exit.FINE if whole else Exit.SOME_FAILED


def _absent(where: Place, scans: Path | None) -> list[Absent]:
    from archivist.catalog.session import open_catalog
    from archivist.report.absent import absent_files
    from archivist.report.verify import Places

    out = where.home.parent.absolute()
    places = Places(scans=scans and scans.absolute(), out=out, store=where.store.absolute())
    with open_catalog(where.catalog_url, write=False) as opened:
        return list(absent_files(opened, places))


def _rebuilt_facts(done: Rebuilt, missing: list[Absent]) -> dict[str, object]:
    return {
        "journal": str(done.folder),
        "batches": done.batches,
        "entries": done.entries,
        "root": done.root,
        "checkpoint": done.checkpoint.line if done.checkpoint else None,
        "agrees": done.agrees,
        "damage": [[one.where, one.what] for one in done.damage],
        "left_out": list(done.left_out),
        "missing": [asdict(one) for one in missing],
    }


def _tell_rebuilt(done: Rebuilt, missing: list[Absent]) -> None:
    from archivist.report.words import readable

    told = [f"damaged    {one.where}: {one.what}" for one in done.damage]
    told += [f"left out   {what}" for what in done.left_out]
    for line in told[:SHOWN]:
        click.echo(readable(line))
    if len(told) > SHOWN:
        click.echo(f"... and {len(told) - SHOWN:,} more; --json names all of them")
    click.echo(f"{counted(done.batches, 'transaction')} read from {done.folder}")
    root = b64encode(bytes.fromhex(done.root)).decode() or "unknown"  # as checkpoints write it
    entries = counted(done.entries, "entry", "entries")
    click.echo(f"{entries} of the ledger {'is' if done.entries == 1 else 'are'} back, root {root}")
    if done.checkpoint is None:
        click.echo("No checkpoint was made yet that the root could be compared with.")
    elif done.agrees:
        click.echo(f"All checkpoints agree; the newest:\n  {done.checkpoint.line}")
    else:
        click.echo(
            f"The ledger does not have the roots of all its checkpoints; the newest:\n"
            f"  {done.checkpoint.line}\n  Cure: put the damaged files of the journal back from a "
            "backup, move this catalog away and rebuild again"
        )
    for one in missing:
        if one.missing:
            example = readable(one.example)
            click.echo(
                f"missing    {one.missing:,} of {one.named:,} {one.subject}s, such as {example}"
            )
    click.echo("Signatures and the content of files are for archivist verify to check.")


@catalog.command()
@click.option("--rewrite", is_flag=True, help="Lay it aside, and write it anew from the catalog.")
@catalog_options
def journal(
    rewrite: bool,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Show where the journal lies, how large it is, and whether the catalog fits it."""
    from archivist.catalog.journal.state import journal_state
    from archivist.catalog.session import open_catalog

    where = place(out, catalog_url, config_file)
    home = where.journal_home
    if rewrite:
        with open_catalog(where.catalog_url, write=True, create=False, home=home) as opened:
            opened.rewrite_journal()
    with open_catalog(where.catalog_url, write=False) as opened:
        state = journal_state(opened, home)
    if as_json:
        click.echo(json.dumps(asdict(state), default=str))
    else:
        click.echo(state.words)
    return Exit.FINE if state.fits else Exit.SOME_FAILED
