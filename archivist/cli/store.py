"""`archivist store`: check the kept artifacts, and remove what nothing points to."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.cli.exits import Exit
from archivist.cli.options import catalog_options, place
from archivist.model import counted

if TYPE_CHECKING:
    from archivist.catalog.session import Catalog
    from archivist.cli.options import Place
    from archivist.store.blobs import BlobStore
    from archivist.store.gc import StoreCheck


@click.group()
def store() -> None:
    """Check the store; remove what nothing points to."""


@store.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option(
    "--younger-than",
    type=click.FloatRange(0),
    default=24.0,
    show_default=True,
    help="Leave blobs alone that are younger than so many hours.",
)
@catalog_options
def gc(
    dry_run: bool,
    younger_than: float,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Remove the blobs that no record points to. Everything the catalog names stays."""
    from archivist.catalog.queries import referenced_blobs
    from archivist.catalog.session import open_catalog
    from archivist.store.gc import collect_garbage

    where = place(out, catalog_url, config_file)
    # Open for writing, so that no run can add to the store meanwhile.
    with open_catalog(
        where.catalog_url, write=True, create=False, home=where.journal_home
    ) as catalog:
        done = collect_garbage(
            _store(where),
            referenced_blobs(catalog),
            younger_than=younger_than * 3600,
            dry_run=dry_run,
        )
    if as_json:
        click.echo(json.dumps(asdict(done)))
        return
    verb = "would be removed" if dry_run else "removed"
    click.echo(
        f"{counted(len(done.removed), 'blob')} {verb} ({done.freed_bytes / 2**20:.1f} MiB), "
        f"{done.kept:,} in use, {done.young:,} too young, "
        f"{counted(done.leftovers, 'leftover')} of crashes removed."
    )


@store.command()
@click.option(
    "--mend", is_flag=True, help="Remove damaged blobs, so that they are made anew when needed."
)
@catalog_options
def check(
    mend: bool,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Read every blob and compare it with its digest; name damaged and missing ones.

    With --mend the catalog forgets those: a run that needs one makes it anew.
    """
    from archivist.catalog.queries import referenced_blobs
    from archivist.catalog.session import open_catalog
    from archivist.store.gc import check as check_store

    where = place(out, catalog_url, config_file)
    with open_catalog(
        where.catalog_url, write=mend, create=False, home=where.journal_home
    ) as catalog:
        found = check_store(_store(where), referenced_blobs(catalog))
        if mend:
            _forget(catalog, _store(where), found)
    if as_json:
        click.echo(json.dumps(asdict(found)))
    else:
        for name in ("damaged", "missing"):
            for digest in getattr(found, name):
                click.echo(f"{name:8} {digest}")
        click.echo(
            f"{counted(found.whole, 'blob')} whole, {len(found.damaged)} damaged, "
            f"{len(found.missing)} missing; {found.unreferenced} are pointed to by nothing."
        )
        if found.damaged or found.missing:
            click.echo(
                "They are forgotten: a run that needs one makes it anew."
                if mend
                else "Cure: archivist store check --mend; a run that needs one makes it anew."
            )
    return Exit.SOME_FAILED if (found.damaged or found.missing) and not mend else Exit.FINE


def _forget(catalog: Catalog, store: BlobStore, found: StoreCheck) -> None:
    """Forget damaged and missing blobs, then remove the damaged: a crash between does no harm."""
    from archivist.catalog.writer import Writer

    Writer(catalog).forget_blobs([*found.damaged, *found.missing], reason="damaged or missing")
    for digest in found.damaged:
        store.delete(digest)


def _store(where: Place) -> BlobStore:
    from archivist.store.blobs import BlobStore

    return BlobStore(where.store)
