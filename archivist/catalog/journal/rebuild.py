"""Make a lost catalog again from its journal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archivist.api.errors import CatalogError
from archivist.catalog import ledger, migrate
from archivist.catalog.engine import parse_url, sqlite_path
from archivist.catalog.journal.joining import is_behind, note_folder, replay_all
from archivist.catalog.journal.judging import Damage
from archivist.catalog.journal.shards import FOLDER, Journal, journals_in
from archivist.catalog.session import Catalog, open_catalog
from archivist.catalog.tables import SCHEMA
from archivist.ledger.checkpoint import Checkpoint
from archivist.ledger.merkle import Frontier


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came back: entries of the ledger, and its root; what the newest checkpoint says."""

    folder: Path
    batches: int
    entries: int
    root: str
    checkpoint: Checkpoint | None
    agrees: bool
    """The entries have the roots that all checkpoints say."""
    damage: tuple[Damage, ...] = ()
    left_out: tuple[str, ...] = ()
    """What could not be carried out, because it is damaged or leans on what is."""


def choose_journal(home: Path, instance: str | None) -> Journal:
    """Return the journal in ``.archivist`` of an output folder, by the name of its catalog.

    Raises CatalogError when there is none, when there are several and none is chosen, or when it
    was written with tables of another version.
    """
    found = [one for one in journals_in(home) if instance is None or one.name == instance]
    if not found:
        whose = f" of {instance}" if instance else ""
        raise CatalogError(
            f"there is no journal{whose} in {home / FOLDER}, and a catalog comes back from nothing "
            "else. Cure: name the output folder of its runs with --out, or put a backup back"
        )
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise CatalogError(
            f"{home / FOLDER} holds the journals of {len(found)} catalogs: {names}. "
            "Cure: choose one with --instance"
        )
    journal = Journal(found[0], schema=SCHEMA)
    _check_schema(journal)
    return journal


def _check_schema(journal: Journal) -> None:
    heads = [head for head in journal.heads() if "schema" in head]
    other = next((head for head in heads if head["schema"] != SCHEMA), None)
    if other is not None:
        version = other.get("archivist", "?")
        raise CatalogError(
            f"the journal in {journal.folder} was written by archivist {version} with schema "
            f"{other['schema']}, this one has {SCHEMA}. Cure: pip install archivist=={version}, "
            "rebuild, then install the newer one again: it upgrades the catalog"
        )


def rebuild(url: str, home: Path, *, instance: str | None = None) -> Rebuilt:
    """Make the catalog at ``url`` from a journal in ``home``.

    A catalog that is there is never written over; one that an interrupted rebuild left is made
    whole. What is damaged is left out and told. Raises CatalogError.
    """
    journal = choose_journal(home, instance)
    _refuse_existing(url, journal)
    damage: list[Damage] = []
    left_out: list[str] = []
    batches = 0
    with open_catalog(url, write=True, home=home, rebuilds=journal.folder.name) as catalog:
        for read, missed in replay_all(catalog, journal):
            batches += 1
            damage += read.damage
            left_out += missed
        entries, root, agrees = _roots(catalog)
        marks = ledger.checkpoints(catalog)
        note_folder(catalog, journal.folder)
    return Rebuilt(
        folder=journal.folder,
        batches=batches,
        entries=entries,
        root=root,
        checkpoint=marks[-1] if marks else None,
        agrees=agrees,
        damage=tuple(damage),
        left_out=tuple(left_out),
    )


def _refuse_existing(url: str, journal: Journal) -> None:
    """Raise CatalogError when there is a catalog already, but for one that is behind the journal.

    That is one which an interrupted rebuild left, or an older copy.
    """
    path = sqlite_path(parse_url(url))
    if (path is not None and not path.exists()) or migrate.current(url) is None:
        return
    with open_catalog(url, write=False) as catalog:
        with catalog.reading() as connection:
            own = ledger.origin(connection) == f"archivist/{journal.folder.name}"
        if own and is_behind(catalog, journal):
            return
    raise CatalogError(
        f"there is a catalog at {url} already, and a rebuild never writes over one. "
        "Cure: move it away first, or name another place with --catalog"
    )


def _roots(catalog: Catalog) -> tuple[int, str, bool]:
    """Return how many entries there are, their root, and whether all checkpoints agree."""
    marks = ledger.checkpoints(catalog)
    wanted = {one.size: one.root for one in marks}
    frontier, agrees = Frontier(), True
    for entry in ledger.entries(catalog):
        if entry.position != frontier.size:
            return ledger.size(catalog), "", False
        frontier.append(bytes.fromhex(entry.digest))
        root = wanted.pop(frontier.size, None)
        agrees = agrees and root in (None, frontier.root().hex())
    return frontier.size, frontier.root().hex() if frontier.size else "", agrees and not wanted
