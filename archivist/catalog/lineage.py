"""What became of photographs: what was published of them, how runs ended, what people said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from archivist.catalog import tables
from archivist.catalog.bulk import PAGE, pages
from archivist.catalog.endings import approval_of
from archivist.catalog.flags import flags_of
from archivist.catalog.in_place import OVERWRITTEN
from archivist.catalog.queue import run_number
from archivist.catalog.reading import ids_of_assets, uids_of_assets
from archivist.catalog.rows import Approval
from archivist.catalog.session import Catalog
from archivist.model import Flag, MetadataContract, Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file that was published. ``run`` is the uid of the run, ``number`` its place in time."""

    id: int
    publication: Publication
    run: str
    number: int
    at: datetime
    replaced: bool
    """True when another file lies at its path now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a photograph ended in a run."""

    run: str
    number: int
    status: str
    code: str
    message: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What people and checks said of a photograph, oldest first."""

    reviews: tuple[Approval, ...] = ()
    flags: tuple[Flag, ...] = ()


_pub, _run, _step = tables.publication.c, tables.run.c, tables.step.c
_contract = tables.contract.c
_WRITTEN = (
    select(
        *tables.publication.c,
        *(_contract[name] for name in ("kept", "changed", "added", "lost")),
        _run.uid.label("run"),
        OVERWRITTEN.label("replaced"),
    )
    .join(tables.contract, _contract.id == _pub.contract_id)
    .join(tables.run, _run.id == _pub.run_id)
    .order_by(_pub.id)
)


def written_of(
    catalog: Catalog, digests: Iterable[str], *, until: int | None = None
) -> dict[str, tuple[Written, ...]]:
    """Return every file that was ever published of scans, by the digest of the scan, oldest first.

    With ``until``, the number of a run, only those of that run and earlier ones.
    """
    found: defaultdict[str, tuple[Written, ...]] = defaultdict(tuple)
    wanted = _WRITTEN.where(_pub.collection_id == catalog.collection_id)
    if until is not None:
        wanted = wanted.where(_pub.run_id <= until)
    with catalog.reading() as connection:
        for page in pages(set(digests)):
            for row in connection.execute(wanted.where(_pub.digest.in_(page))):
                found[row.digest] += (_written(row),)
    return dict(found)


def _tags(value: Any) -> Mapping[str, str]:
    """Return tags with reasons; none where the row was edited to something else (see its seal)."""
    return value if isinstance(value, Mapping) else {}


def _written(row: Any) -> Written:
    contract = MetadataContract(
        kept=tuple(row.kept),
        changed=_tags(row.changed),
        added=_tags(row.added),
        lost=_tags(row.lost),
    )
    return Written(
        id=row.id,
        publication=Publication(
            source=row.source,
            digest=row.digest,
            profile=row.profile,
            path=row.path,
            output_digest=row.output_digest,
            size=row.size,
            media_type=row.media_type,
            untouched=row.untouched,
            contract=contract,
            key=row.key or "",
        ),
        run=row.run,
        number=row.run_id,
        at=row.at,
        replaced=bool(row.replaced),
    )


def endings_of(catalog: Catalog, asset: str) -> tuple[Ending, ...]:
    """Return how an asset ended in each run that treated it, oldest first."""
    table = tables.asset_outcome.c
    with catalog.reading() as connection:
        ids = ids_of_assets(connection, [asset])
        rows = connection.execute(
            select(*table, _run.uid.label("run"))
            .join(tables.run, _run.id == table.run_id)
            .where(table.asset_id.in_(list(ids)))
            .order_by(table.run_id)
        ).all()
    return tuple(
        Ending(
            run=row.run,
            number=row.run_id,
            status=row.status,
            code=row.code,
            message=row.message,
            seconds=row.seconds,
        )
        for row in rows
    )


def opinion_of(catalog: Catalog, asset: str) -> Opinion:
    """Return all reviews of an asset, and all flags that checks have set."""
    table = tables.review.c
    with catalog.reading() as connection:
        ids = list(ids_of_assets(connection, [asset]))
        rows = connection.execute(
            select(tables.review).where(table.asset_id.in_(ids)).order_by(table.id)
        ).all()
        flags = flags_of(connection, ids)
    reviews = tuple(approval_of(row, asset) for row in rows)
    return Opinion(reviews=reviews, flags=tuple(flags[ids[0]]) if ids and ids[0] in flags else ())


def newest_run(catalog: Catalog, asset: str) -> int | None:
    """Return the number of the newest run that recorded a step or an ending of an asset."""
    outcome = tables.asset_outcome.c
    with catalog.reading() as connection:
        ids = list(ids_of_assets(connection, [asset]))
        newest = [
            connection.scalar(select(func.max(column.run_id)).where(column.asset_id.in_(ids)))
            for column in (_step, outcome)
        ]
    return max((number for number in newest if number is not None), default=None)


# --- runs -----------------------------------------------------------------------------------


def runs_beginning(catalog: Catalog, digits: str, *, limit: int = 20) -> tuple[str, ...]:
    """Return the uids of runs of the collection that begin so, newest first."""
    escaped = digits.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    wanted = (
        select(_run.uid)
        .where(
            _run.collection_id == catalog.collection_id, _run.uid.like(f"{escaped}%", escape="\\")
        )
        .order_by(_run.id.desc())
        .limit(limit)
    )
    with catalog.reading() as connection:
        return tuple(connection.scalars(wanted))


def run_numbers(catalog: Catalog, uids: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers of runs, which give their order in time. Raises CatalogError."""
    with catalog.reading() as connection:
        return tuple(run_number(connection, uid) for uid in uids)


def treated_by(catalog: Catalog, runs: Sequence[int]) -> Iterator[str]:
    """Yield the uids of all assets that any of these runs treated, in the order of discovery."""
    outcome, after = tables.asset_outcome.c, 0
    while True:
        with catalog.reading() as connection:
            wanted = (
                select(outcome.asset_id)
                .where(outcome.run_id.in_(list(runs)), outcome.asset_id > after)
                .distinct()
                .order_by(outcome.asset_id)
                .limit(PAGE)
            )
            numbers = connection.scalars(wanted).all()
            uids = uids_of_assets(connection, numbers)
        if not numbers:
            return
        yield from (uids[number] for number in numbers)
        after = numbers[-1]


def lying(files: Sequence[Written]) -> list[Written]:
    """Return of all that was published of a scan what lies there after the last of it.

    Of a profile only what was published together: an older file may have had another name.
    """
    newest = {one.publication.path: one for one in files}
    runs: dict[tuple[str, str], int] = {}
    for one in newest.values():
        place = one.publication.profile, one.publication.source
        runs[place] = max(one.number, runs.get(place, 0))
    return [
        one
        for one in newest.values()
        if one.number == runs[one.publication.profile, one.publication.source]
    ]
