"""Bring catalog and journal together when a writer begins.

They differ after a kill between the two writes, when an older copy of the catalog was put back, or
when one of them was away. A catalog that is behind catches up from the journal; else the journal is
written anew from the catalog, and the old one laid aside.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import func, select, text, update

from archivist.api.errors import CatalogError
from archivist.catalog import tables
from archivist.catalog.head import position_of, set_position
from archivist.catalog.journal.dump import dump
from archivist.catalog.journal.judging import Read, Tip
from archivist.catalog.journal.replay import Replay, Unusable
from archivist.catalog.journal.shards import FOLDER, Journal, unwritable
from archivist.catalog.session import Catalog
from archivist.catalog.tables import SCHEMA, schema_meta
from archivist.model import now, path_to_text, text_to_path

log = logging.getLogger(__name__)

AWAY = Tip(-2, "")
"""How far a catalog has come that went on without its journal: it fits to none."""
_LINES = 20_000
"""So many lines are carried out in one transaction."""


def folder_of(catalog: Catalog, home: Path | None) -> Path | None:
    """Return where the journal of a catalog lies, or is to lie; None where nothing tells.

    That is where it lay before; only when that is gone, inside ``home`` or beside the catalog.
    """
    with catalog.reading() as connection:
        row = connection.execute(select(schema_meta.c.instance, schema_meta.c.journal)).one()
    beside = catalog.path.absolute().parent if catalog.path else None
    noted = None
    if row.journal is not None:
        noted = (beside or Path("/")) / text_to_path(row.journal)
        if noted.is_dir():
            return Path(os.path.normpath(noted))
    if home is None and beside is not None and beside.name == ".archivist":
        home = beside
    return home.absolute() / FOLDER / row.instance if home is not None else noted


def join(catalog: Catalog, home: Path | None) -> Journal | None:
    """Make the two agree, and return the journal ready to be written to.

    None when it is not known where it lies, or when that place is away: then it is written anew by
    the next writer that finds it.

    Raises CatalogError when the folder cannot be written to, or when the catalog is behind a
    journal that is damaged.
    """
    folder = folder_of(catalog, home)
    if folder is None or not folder.parent.parent.is_dir():
        _leave_behind(catalog, folder)
        return None
    try:
        journal = Journal(folder, schema=SCHEMA)
        tip, mine = journal.open(), position(catalog)
        if tip.batch > mine.batch and _is_ours(journal) and _holds(catalog, journal, mine):
            catch_up(catalog, journal, after=mine.batch)
        elif tip != mine or not _is_ours(journal) or (not mine.batch and not _is_empty(catalog)):
            write_anew(catalog, journal)
        note_folder(catalog, folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    return journal


def _leave_behind(catalog: Catalog, folder: Path | None) -> None:
    """Note that the catalog goes on without its journal."""
    if folder is not None and position(catalog) != AWAY:
        log.warning("the journal of the catalog is away: %s is not there", folder.parent.parent)
        with catalog.writing() as connection:
            set_position(connection, AWAY)


def position(catalog: Catalog) -> Tip:
    """Return how far a catalog has come in its journal."""
    with catalog.reading() as connection:
        return position_of(connection)


def catch_up(catalog: Catalog, journal: Journal, *, after: int) -> None:
    """Carry out in the catalog what the journal has after a batch."""
    count = 0
    for group in groups(read for read in journal.batches() if read.number > after):
        try:
            carry_out(catalog, group)
        except Unusable as error:
            raise CatalogError(
                f"the catalog is older than its journal in {journal.folder}, and cannot catch up: "
                f"{error}. Cure: put the newest backup of the catalog back; to leave out what is "
                "damaged, archivist catalog rebuild"
            ) from error
        count += len(group)
    finish_numbers(catalog)
    if count:
        log.warning("the catalog was behind its journal and has caught up: %d transactions", count)


def replay_all(catalog: Catalog, journal: Journal) -> Iterator[tuple[Read, list[str]]]:
    """Carry out what the catalog does not have yet and can be; yield each batch with what cannot.

    What had to be left out of it is told in words.
    """
    mine = position(catalog)
    for read in journal.batches():
        if read.number <= mine.batch:
            yield read, []
            continue
        with catalog.writing() as connection:
            replay = Replay(connection, lenient=True)
            replay.run(read.lines)
            set_position(connection, Tip(read.number, read.chain))
        yield read, replay.left_out
    finish_numbers(catalog)


def write_anew(catalog: Catalog, journal: Journal) -> None:
    """Write the journal from what is in the catalog; the one before keeps its lines elsewhere."""
    folder = journal.folder
    if any(folder.iterdir()):
        folder.rename(folder.with_name(f"{folder.name}.before-{now():%Y%m%dT%H%M%S%f}"))
        log.warning("the journal in %s did not fit the catalog and is written anew", folder)
    fresh = folder.with_name(folder.name + ".new")
    for left in fresh.glob("*") if fresh.is_dir() else ():
        left.unlink()
    journal.folder = fresh
    journal.open()
    for lines in dump(catalog):
        journal.append(lines)
    with catalog.writing() as connection:
        set_position(connection, journal.tip)
    fresh.rename(folder)  # killed before, the catalog fits to no journal: it is written once more
    journal.folder = folder


def finish_numbers(catalog: Catalog) -> None:
    """Let Postgres go on counting after the rows that came with their numbers."""
    if catalog.backend == "sqlite":
        return
    with catalog.writing() as connection:
        for table in tables.metadata.tables.values():
            key = next(iter(table.primary_key.columns))
            if key.name == "id" and key.autoincrement is True:
                newest = connection.scalar(select(func.max(key)))
                if newest is not None:
                    sequence = "SELECT setval(pg_get_serial_sequence(:table, 'id'), :newest)"
                    connection.execute(text(sequence), {"table": table.name, "newest": newest})


def carry_out(catalog: Catalog, group: Sequence[Read]) -> None:
    """Carry out batches in one transaction. Raises Unusable when one of them is damaged."""
    damage = next((one for read in group for one in read.damage), None)
    if damage is not None:
        raise Unusable(f"{damage.where}: {damage.what}")
    with catalog.writing() as connection:
        replay = Replay(connection)
        for read in group:
            replay.run(read.lines)
        set_position(connection, Tip(group[-1].number, group[-1].chain))


def groups(found: Iterable[Read]) -> Iterator[list[Read]]:
    """Put batches together that are carried out in one transaction."""
    group: list[Read] = []
    for read in found:
        group.append(read)
        if sum(len(one.lines) for one in group) > _LINES:
            yield group
            group = []
    if group:
        yield group


def journal_beside(catalog: Catalog) -> Journal | None:
    """Return the journal for one who writes beside the writer; None where that one writes none.

    Raises CatalogError when it cannot be reached from here.
    """
    folder = folder_of(catalog, None)
    if folder is None or position(catalog) == AWAY:
        return None
    if not folder.is_dir():
        raise CatalogError(
            f"the journal of the catalog is not to be seen from here: {folder}. Nothing was "
            "recorded. Cure: the same where the run goes on, or when it has ended"
        )
    return Journal(folder, schema=SCHEMA)


def _is_ours(journal: Journal) -> bool:
    """Tell whether the newest shard is of our schema; lines of another may not fit the tables."""
    head = journal.newest_head()
    return head is None or head.get("schema") == SCHEMA


def _holds(catalog: Catalog, journal: Journal, mine: Tip) -> bool:
    """Tell whether the journal goes on from where the catalog is."""
    if not mine.batch:
        return _is_empty(catalog)
    return any(read.chain == mine.chain for read in journal.batches() if read.number == mine.batch)


def is_behind(catalog: Catalog, journal: Journal) -> bool:
    """Tell whether the journal goes on from where a catalog is."""
    mine = position(catalog)
    newest = max((read.number for read in journal.batches()), default=0)
    return 0 <= mine.batch < newest and _holds(catalog, journal, mine)


def _is_empty(catalog: Catalog) -> bool:
    with catalog.reading() as connection:
        return connection.execute(select(tables.collection.c.id).limit(1)).first() is None


def note_folder(catalog: Catalog, folder: Path) -> None:
    """Note in the catalog where its journal lies."""
    beside = catalog.path.absolute().parent if catalog.path else None
    noted = path_to_text(os.path.relpath(folder, beside) if beside else str(folder))
    with catalog.writing() as connection:
        if connection.scalar(select(schema_meta.c.journal)) != noted:
            connection.execute(update(schema_meta).values(journal=noted))
