"""The ledger: every record enters it in the transaction that writes the record.

Its entries are the leaves of a Merkle tree (:mod:`archivist.ledger.merkle`). What an entry holds is
the digest of a step record, or that of the facts of a record of another kind, of events of those
that are decisions (:mod:`archivist.catalog.ledger_facts`); those facts are read back before they
are hashed: what is hashed is what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from archivist.catalog import tables
from archivist.catalog.bulk import insert_one, insert_rows, pages, select_in
from archivist.catalog.journal.lines import batch_of
from archivist.catalog.ledger_facts import facts_of
from archivist.catalog.reading import ids_of_assets
from archivist.catalog.session import Catalog
from archivist.catalog.types import digest_to_bytes
from archivist.hashing import canonical_json, digest_bytes, digest_json
from archivist.ledger.checkpoint import Checkpoint
from archivist.ledger.merkle import Frontier
from archivist.model import now

STEP, PUBLICATION, REVIEW, EVENT, REPLAY, CERTIFICATION = KINDS = (
    "step",
    "publication",
    "review",
    "event",
    "replay",
    "certification",
)
"""The kinds of records, named like their tables."""

DECISIONS = ("rights.denied", "rights.allowed", "reference.withdrawn", "reference.restored")
"""Types of the events that enter it; others tell what happened and decide nothing."""

Sign = Callable[[Checkpoint], Checkpoint]
"""Returns a checkpoint with its signature."""

READ = 5000
"""Entries that are read at once: about 1 MB."""


COLUMNS = ("position", "kind", "row_id", "digest")


@dataclass(frozen=True, slots=True)
class Record:
    """What enters: number of its row, its digest, the text that this is of, the run's uid."""

    row: int
    digest: str
    text: bytes
    run: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A leaf: ``row`` is the number of the record in the table that ``kind`` names."""

    position: int
    kind: str
    row: int
    digest: str


_l, _c, _p, _v, _e, _r = (
    tables.ledger.c,
    tables.checkpoint.c,
    tables.publication.c,
    tables.review.c,
    tables.event.c,
    tables.replay.c,
)
_IS_DECISION = _e.type.in_(DECISIONS)
_ENTRIES = select(_l.position, _l.kind, _l.row_id, _l.digest)

# --- write ----------------------------------------------------------------------------------


def enter(connection: Connection, kind: str, records: Sequence[Record]) -> None:
    """Add records to the end of the ledger, and to the journal with what their digests are of."""
    if not records:
        return
    newest = connection.scalar(select(func.max(_l.position)))
    start = 0 if newest is None else newest + 1
    rows = [(start + n, kind, one.row, one.digest) for n, one in enumerate(records)]
    insert_rows(connection, tables.ledger, COLUMNS, rows)
    if (batch := batch_of(connection)) is not None:
        for n, one in enumerate(records, start):
            batch.entry(
                position=n,
                kind=kind,
                row=one.row,
                digest=one.digest,
                text=one.text,
                run=one.run,
            )


def enter_facts(connection: Connection, kind: str, rows: Iterable[int]) -> None:
    """Add records of a kind other than steps that were just written, by row number."""
    found = sorted(facts_of(connection, kind, rows).items())
    texts = [(row, canonical_json(facts), facts.get("run")) for row, facts in found]
    enter(
        connection, kind, [Record(row, digest_bytes(text), text, run) for row, text, run in texts]
    )


def add_checkpoint(
    connection: Connection, *, run: int | None, run_uid: str = "", sign: Sign | None = None
) -> Checkpoint | None:
    """Add a checkpoint over all entries; None when the newest says the same already.

    It goes on from the newest checkpoint, so only entries that came since are read and hashed. One
    without a signature is followed by a signed one as soon as there is a key.
    """
    newest = connection.execute(select(tables.checkpoint).order_by(_c.id.desc()).limit(1)).first()
    frontier = _frontier(newest)
    before = frontier.size
    for entry in _entries(connection, after=before - 1):
        frontier.append(digest_to_bytes(entry.digest))
    unsigned = newest is not None and not newest.signature and sign is not None
    if not frontier.size or (frontier.size == before and not unsigned):
        return None
    made = Checkpoint(
        origin=origin(connection),
        size=frontier.size,
        root=frontier.root().hex(),
        at=now(),
        run=run_uid,
    )
    made = sign(made) if sign else made
    row = {
        "run_id": run,
        "origin": made.origin,
        "size": made.size,
        "root": made.root,
        "at": made.at,
        "key_name": made.key_name,
        "key_id": made.key_id,
        "signature": made.signature,
        "frontier": tuple(root.hex() for root in frontier.roots),
    }
    insert_one(connection, tables.checkpoint, row)
    return made


def _frontier(newest: Any) -> Frontier:
    """Return where the newest checkpoint stopped; the beginning when it contradicts itself."""
    if newest is None:
        return Frontier()
    roots = [bytes.fromhex(root) for root in newest.frontier]
    if len(roots) == newest.size.bit_count():
        frontier = Frontier(newest.size, roots)
        if frontier.root().hex() == newest.root:
            return frontier
    return Frontier()


# --- read -----------------------------------------------------------------------------------


def origin(connection: Connection) -> str:
    """Return the name of this catalog in checkpoints."""
    return f"archivist/{connection.scalar(select(tables.schema_meta.c.instance))}"


def checkpoints(catalog: Catalog) -> tuple[Checkpoint, ...]:
    """Return all checkpoints, oldest first."""
    wanted = (
        select(*tables.checkpoint.c, tables.run.c.uid)
        .select_from(tables.checkpoint.outerjoin(tables.run, tables.run.c.id == _c.run_id))
        .order_by(_c.id)
    )
    with catalog.reading() as connection:
        return tuple(
            Checkpoint(
                origin=row.origin,
                size=row.size,
                root=row.root,
                at=row.at,
                run=row.uid or "",
                key_name=row.key_name,
                signature=row.signature,
            )
            for row in connection.execute(wanted)
        )


def newest_line(catalog: Catalog) -> str:
    """Return the line of the newest checkpoint, empty where there is none."""
    found = checkpoints(catalog)
    return found[-1].line if found else ""


def size(catalog: Catalog) -> int:
    """Return how many entries the ledger has."""
    with catalog.reading() as connection:
        return connection.scalar(select(func.count()).select_from(tables.ledger)) or 0


def entries(catalog: Catalog) -> Iterator[Entry]:
    """Yield all entries in order."""
    with catalog.reading() as connection:
        yield from _entries(connection, after=-1)


def _entries(connection: Connection, *, after: int) -> Iterator[Entry]:
    while True:
        wanted = _ENTRIES.where(_l.position > after).order_by(_l.position).limit(READ)
        rows = connection.execute(wanted).all()
        for position, kind, row, digest in rows:
            yield Entry(position=position, kind=kind, row=row, digest=digest)
        if len(rows) < READ:
            return
        after = rows[-1].position


def digests_at(catalog: Catalog, places: Sequence[int]) -> dict[int, tuple[str, int, str]]:
    """Return kind, row number and digest of the entries at some positions."""
    with catalog.reading() as connection:
        found = select_in(connection, _ENTRIES, _l.position, places)
        return {position: (kind, row, digest) for position, kind, row, digest in found}


def entries_of(catalog: Catalog, asset: str) -> tuple[Entry, ...]:
    """Return the entries that tell the history of an asset, in order."""
    with catalog.reading() as connection:
        numbers = list(ids_of_assets(connection, [asset]))
        published = select(_p.id).where(_p.digest == asset.partition("#")[0])
        wanted = {
            STEP: select(tables.step.c.id).where(tables.step.c.asset_id.in_(numbers)),
            REVIEW: select(_v.id).where(_v.asset_id.in_(numbers)),
            EVENT: select(_e.id).where(_e.asset_id.in_(numbers), _IS_DECISION),
            PUBLICATION: published,
            REPLAY: select(_r.id).where(_r.publication_id.in_(published)),
        }
        found = [
            Entry(position=position, kind=kind, row=row, digest=digest)
            for kind, rows in wanted.items()
            for page in pages(connection.scalars(rows))
            for position, _, row, digest in connection.execute(
                _ENTRIES.where(_l.kind == kind, _l.row_id.in_(page))
            )
        ]
    return tuple(sorted(found, key=lambda entry: entry.position))


def gone(catalog: Catalog) -> dict[str, int]:
    """Return how many records of steps and publications the catalog lacks, by kind.

    Told by counting, which is quick; which ones they are, `archivist verify` finds out.
    """
    lacking = {}
    with catalog.reading() as connection:
        for kind, table in ((STEP, tables.step), (PUBLICATION, tables.publication)):
            entered = select(func.count()).select_from(tables.ledger).where(_l.kind == kind)
            there = select(func.count()).select_from(table)
            count = (connection.scalar(entered) or 0) - (connection.scalar(there) or 0)
            if count > 0:
                lacking[kind] = count
    return lacking


def not_entered(catalog: Catalog) -> Iterator[tuple[str, int]]:
    """Yield (kind, row number) of records that are in no entry."""
    with catalog.reading() as connection:
        for kind in KINDS:
            table = tables.metadata.tables[kind]
            known = select(_l.row_id).where(_l.kind == kind, _l.row_id == table.c.id).exists()
            left = select(table.c.id).where(~known).order_by(table.c.id)
            if kind == EVENT:
                left = left.where(_IS_DECISION)
            for number in connection.scalars(left):
                yield kind, number


def digests_now(catalog: Catalog, found: Sequence[Entry]) -> dict[tuple[str, int], str]:
    """Return the digests that the records of entries have now; those that are gone are left out.

    That of a step record is the one that stands in its row.
    """
    digests: dict[tuple[str, int], str] = {}
    with catalog.reading() as connection:
        for kind in KINDS:
            rows = [entry.row for entry in found if entry.kind == kind]
            if kind == STEP:
                steps = select_in(connection, _STEPS, tables.step.c.id, rows)
                digests |= {(kind, row): digest for row, digest in steps}
            elif rows:
                facts = facts_of(connection, kind, rows)
                digests |= {(kind, row): digest_json(one) for row, one in facts.items()}
    return digests


def contents(catalog: Catalog, asset: str | None = None) -> Iterator[tuple[str, str, str]]:
    """Yield name, recorded digest and digest now of environments and metadata contracts.

    Records name them by digest; an environment that was never told is left out. With an ``asset``
    only those that its records name.
    """
    environment, contract = tables.environment, tables.contract
    with catalog.reading() as connection:
        environments = select(environment).order_by(environment.c.id)
        contracts = select(contract).order_by(contract.c.id)
        if asset is not None:
            step, numbers = tables.step.c, list(ids_of_assets(connection, [asset]))
            of_steps = select(step.environment_id).where(step.asset_id.in_(numbers))
            published = select(_p.contract_id).where(_p.digest == asset.partition("#")[0])
            environments = environments.where(environment.c.id.in_(of_steps))
            contracts = contracts.where(contract.c.id.in_(published))
        for row in connection.execute(environments):
            if row.value is not None:
                yield f"environment {row.id}", row.digest, digest_json(row.value)
        for row in connection.execute(contracts):
            facts = {name: getattr(row, name) for name in ("kept", "changed", "added", "lost")}
            yield f"contract {row.id}", row.digest, digest_json(facts)


_STEPS = select(tables.step.c.id, tables.step.c.digest)
