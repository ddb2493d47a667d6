"""Fixity: when each file was last read and compared with its digest, and what is due next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, literal, or_, select

from archivist.catalog import tables
from archivist.catalog.bulk import insert_rows, pages
from archivist.catalog.in_place import OVERWRITTEN
from archivist.catalog.session import Catalog
from archivist.catalog.types import Instant

ORIGINAL, OUTPUT, STORED, WEIGHTS = FILES = ("original", "output", "stored file", "weights")
"""What is read: the subjects of checks. Whole sets of records have subjects of their own."""
FINE = "fine"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the last check of what was never checked."""
_PAGE = 20_000
"""Files put in order at a time: each page sorts all, a million in 0.9 s of CPU (SQLite)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """That something was read: its expected digest, the outcome, when, and how many seconds."""

    subject: str
    name: str
    digest: str | None
    outcome: str
    detail: str
    at: datetime
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A file that is to be read. ``last`` is :data:`NEVER` for one that never was."""

    subject: str
    name: str
    digest: str
    size: int
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FixityState:
    """How the checks of one subject stand. ``oldest`` is None when none was ever checked."""

    subject: str
    total: int
    size: int
    never: int
    due: int
    damaged: int
    oldest: datetime | None
    newest: datetime | None


_h, _f = tables.fixity_head.c, tables.fixity.c


def add_checks(
    connection: Connection, *, run: int, collection: int, checks: Sequence[Check]
) -> None:
    """Record checks, each as the newest of its file."""
    insert_rows(
        connection,
        tables.fixity,
        ("run_id", "subject", "name", "digest", "outcome", "detail", "at", "seconds"),
        [(run, c.subject, c.name, c.digest, c.outcome, c.detail, c.at, c.seconds) for c in checks],
    )
    insert_rows(
        connection,
        tables.fixity_head,
        ("collection_id", "subject", "name", "digest", "outcome", "at"),
        [(collection, c.subject, c.name, c.digest, c.outcome, c.at) for c in checks],
        conflict=("collection_id", "subject", "name"),
        update=("digest", "outcome", "at"),
    )


def due(catalog: Catalog, subject: str, *, before: datetime) -> Iterator[Due]:
    """Yield the files of a subject that were not checked since ``before``, the oldest first.

    Those that were found damaged are due at any time: perhaps they were mended since.
    """
    rows, last = _expected(catalog, subject)
    outcome, key = rows.selected_columns["outcome"], rows.selected_columns["name"]
    damaged = and_(outcome.is_not(None), outcome != FINE)
    after: tuple[datetime, Any] | None = None
    while True:
        wanted = rows.where(or_(last < before, damaged))
        if after is not None:
            wanted = wanted.where(or_(last > after[0], and_(last == after[0], key > after[1])))
        with catalog.reading() as connection:
            found = connection.execute(wanted.order_by(last, key).limit(_PAGE)).all()
        for row in found:
            yield Due(
                subject=subject, name=row.name, digest=row.digest, size=row.size, last=row.last
            )
        if len(found) < _PAGE:
            return
        after = found[-1].last, found[-1].name


def state(
    catalog: Catalog, subject: str, *, before: datetime, below: str | None = None
) -> FixityState:
    """Return how the checks of a subject stand; ``due`` are those not checked since ``before``.

    With ``below`` only those of a file or of a folder, by its path.
    """
    rows, _ = _expected(catalog, subject)
    if below is not None:
        name = rows.selected_columns["name"]
        # A range, for which an index serves: "0" is what follows "/".
        rows = rows.where(or_(name == below, and_(name > f"{below}/", name < f"{below}0")))
    table = rows.subquery()
    wanted = select(
        func.count(),
        func.coalesce(func.sum(table.c.size), 0),
        func.count().filter(table.c.outcome.is_(None)),
        func.coalesce(func.sum(case((table.c.last < before, 1), else_=0)), 0),
        func.count().filter(table.c.outcome.is_not(None), table.c.outcome != FINE),
        func.min(case((table.c.outcome.is_not(None), table.c.last)), type_=Instant()),
        func.max(case((table.c.outcome.is_not(None), table.c.last)), type_=Instant()),
    )
    with catalog.reading() as connection:
        total, size, never, late, damaged, oldest, newest = connection.execute(wanted).one()
    return FixityState(
        subject=subject,
        total=total,
        size=int(size),
        never=never,
        due=int(late),
        damaged=damaged,
        oldest=oldest,
        newest=newest,
    )


def together(states: Sequence[FixityState]) -> FixityState:
    """Return the states of some files each, all of one subject, as one."""
    return FixityState(
        subject=states[0].subject,
        total=sum(one.total for one in states),
        size=sum(one.size for one in states),
        never=sum(one.never for one in states),
        due=sum(one.due for one in states),
        damaged=sum(one.damaged for one in states),
        oldest=min((one.oldest for one in states if one.oldest is not None), default=None),
        newest=max((one.newest for one in states if one.newest is not None), default=None),
    )


def damaged(catalog: Catalog, subject: str, *, before: datetime) -> Iterator[Check]:
    """Yield the files whose newest check, before that time, found them otherwise than recorded."""
    rows, last = _expected(catalog, subject)
    key = rows.selected_columns["name"]
    wanted = rows.where(_h.outcome != FINE, last < before).order_by(key)
    with catalog.reading() as connection:
        for row in connection.execute(wanted):
            yield Check(
                subject=subject,
                name=row.name,
                digest=row.digest,
                outcome=row.outcome,
                detail="",
                at=row.last,
                seconds=0.0,
            )


def last_checks(catalog: Catalog, subject: str, names: Iterable[str]) -> dict[str, Check]:
    """Return the newest check of things by name; of what was never checked there is none."""
    found: dict[str, Check] = {}
    with catalog.reading() as connection:
        for page in pages(set(names)):
            for row in connection.execute(
                select(tables.fixity_head).where(
                    _h.collection_id == catalog.collection_id,
                    _h.subject == subject,
                    _h.name.in_(page),
                )
            ):
                found[row.name] = Check(
                    subject=subject,
                    name=row.name,
                    digest=row.digest,
                    outcome=row.outcome,
                    detail="",
                    at=row.at,
                    seconds=0.0,
                )
    return found


def was_ever_checked(catalog: Catalog) -> bool:
    """Tell whether any check was recorded."""
    wanted = select(_h.name).where(_h.collection_id == catalog.collection_id).limit(1)
    with catalog.reading() as connection:
        return connection.execute(wanted).first() is not None


def _expected(catalog: Catalog, subject: str) -> tuple[Select[Any], Any]:
    """Return the files of a subject (name, digest, size, outcome, last), and the column last.

    A check counts only for the digest that is expected now.
    """
    last: Any = func.coalesce(_h.at, literal(NEVER, Instant()), type_=Instant())
    name, digest, size, source, here = _sources(catalog)[subject]
    joined = [
        _h.collection_id == catalog.collection_id,
        _h.subject == subject,
        _h.digest == digest,
    ]
    if subject != STORED:  # of which the digest is the name
        joined.append(_h.name == name)
    wanted = (
        select(
            name.label("name"),
            digest.label("digest"),
            size.label("size"),
            _h.outcome,
            last.label("last"),
        )
        .select_from(source.outerjoin(tables.fixity_head, and_(*joined)))
        .where(here)
    )
    return wanted, last


def _sources(catalog: Catalog) -> dict[str, tuple[Any, Any, Any, Any, Any]]:
    """Return name, digest, size, table and condition of each kind of file."""
    scan, item, blob = tables.scan_file.c, tables.publication.c, tables.blob.c
    ours = catalog.collection_id
    return {
        ORIGINAL: (
            scan.path,
            scan.digest,
            scan.size,
            tables.scan_file,
            and_(scan.collection_id == ours, scan.present == 1),
        ),
        OUTPUT: (
            item.path,
            item.output_digest,
            item.size,
            tables.publication,
            and_(item.collection_id == ours, ~OVERWRITTEN),
        ),
        STORED: (blob.digest, blob.digest, blob.size, tables.blob, blob.purged.is_(None)),
    }
