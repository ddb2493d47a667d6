"""Find the photographs that somebody asks about: by content, digest, inventory number or path.

What is looked for may be any file that archivist ever read or wrote: an output, also one that was
replaced since, a scan, a mask in the store, a mask drawn by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from archivist.catalog import tables
from archivist.catalog.in_place import OVERWRITTEN
from archivist.catalog.rows import KnownRefusal
from archivist.catalog.session import Catalog
from archivist.hashing import SHA256_HEX

SHORTEST = 8
"""Digits of a digest that are enough to ask for it; pages and tables show twelve."""
_DIGEST = re.compile(r"(?:sha-?256:)?([0-9a-fA-F]{8,64})(?:#(\d+))?")
_MOST = 200
"""Rows of one kind; more than that means that the digits given were too few."""


class How(StrEnum):
    """As what something was found."""

    OUTPUT = "output"
    """A file that lies in the output folder now."""
    REPLACED = "earlier output"
    """A file that was published and has been replaced since."""
    SCAN = "scan"
    STORED = "stored result"
    """A file in the store: a mask, a picture between two steps."""
    VALUE = "value of a result"
    """The digest of shape and samples, which does not depend on the file."""
    INPUT = "input that a person made"
    """A mask drawn by hand, for instance."""
    RECORD = "step record"
    INVENTORY = "inventory number"
    SCAN_PATH = "path of a scan"
    OUTPUT_PATH = "path of an output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A photograph that was found. ``digest`` is of its scan's file, ``page`` None for all pages.

    ``text`` is what fitted, whole: a digest or a path. ``written`` is the number of the
    publication, for outputs.
    """

    how: How
    digest: str
    text: str
    page: int | None = None
    written: int | None = None


def read_digest(text: str) -> tuple[str, int | None] | None:
    """Return digest (or its first digits) and page of a text such as ``sha256:0a1b...#2``."""
    found = _DIGEST.fullmatch(text.strip())
    if found is None:
        return None
    return found[1].lower(), None if found[2] is None else int(found[2])


def by_digest(catalog: Catalog, digits: str, page: int | None = None) -> tuple[Match, ...]:
    """Return what has a digest, or one that begins with these digits (at least eight)."""
    with catalog.reading() as connection:
        found = [
            *_outputs(connection, _fits(_pub.output_digest, digits), catalog.collection_id),
            *_scans(connection, digits),
            *_results(connection, _fits(_made.blob, digits), How.STORED, _made.blob),
            *_results(connection, _fits(_made.digest, digits), How.VALUE, _made.digest),
            *_inputs(connection, digits),
        ]
        if not found:
            found = list(_records(connection, digits))
    kept = (one for one in found if page is None or one.page in (None, page))
    return _once(
        Match(how=one.how, digest=one.digest, text=one.text, page=page, written=one.written)
        if page is not None
        else one
        for one in kept
    )


def by_inventory(catalog: Catalog, number: str) -> tuple[Match, ...]:
    """Return the photographs of an inventory number, exactly as the manifest writes it."""
    table = tables.asset.c
    wanted = select(table.digest, table.page).where(table.inventory_no == number).limit(_MOST)
    with catalog.reading() as connection:
        rows = connection.execute(wanted.order_by(table.id)).all()
    return _once(
        Match(how=How.INVENTORY, digest=row.digest, page=row.page, text=number) for row in rows
    )


def by_path(catalog: Catalog, path: str) -> tuple[Match, ...]:
    """Return what lies, or lay, at a path relative to the scans or to the output folder.

    Raises ValueError for text that is no path of a catalog (NUL, lone surrogates).
    """
    file = tables.scan_file.c
    scans = select(file.digest).where(
        file.collection_id == catalog.collection_id, file.path == path
    )
    with catalog.reading() as connection:
        found = [
            Match(how=How.SCAN_PATH, digest=digest, text=path)
            for digest in connection.scalars(scans)
        ]
        outputs = _outputs(connection, _pub.path == path, catalog.collection_id, newest_first=True)
    lying = [one for one in outputs if one.how is How.OUTPUT]
    found += [
        Match(how=How.OUTPUT_PATH, digest=one.digest, text=path, written=one.written)
        for one in lying or outputs[:1]
    ]
    return _once(found)


def refusal_at(catalog: Catalog, path: str) -> KnownRefusal | None:
    """Return the file at a path relative to the scans, if the last scan refused or skipped it."""
    table = tables.refusal.c
    names = ("path", "code", "reason", "status", "size", "mtime_ns")
    wanted = select(*(table[name] for name in names)).where(
        table.collection_id == catalog.collection_id, table.path == path, table.present == 1
    )
    with catalog.reading() as connection:
        row = connection.execute(wanted).first()
    return None if row is None else KnownRefusal(**row._mapping)


# --- the kinds of things --------------------------------------------------------------------

_pub, _made, _asset = tables.publication.c, tables.artifact.c, tables.asset.c


def _fits(column: Any, digits: str) -> ColumnElement[bool]:
    """Return the condition that a digest begins so; a range, for which an index serves."""
    if len(digits) == SHA256_HEX:
        return column == digits  # type: ignore[no-any-return]
    low, high = (digits.ljust(SHA256_HEX, end) for end in "0f")
    return column.between(low, high)  # type: ignore[no-any-return]


def _outputs(
    connection: Connection,
    condition: ColumnElement[bool],
    collection: int | None,
    *,
    newest_first: bool = False,
) -> list[Match]:
    wanted = (
        select(_pub.id, _pub.digest, _pub.output_digest, OVERWRITTEN.label("replaced"))
        .where(condition, _pub.collection_id == collection)
        .order_by(_pub.id.desc() if newest_first else _pub.id)
        .limit(_MOST)
    )
    return [
        Match(
            how=How.REPLACED if row.replaced else How.OUTPUT,
            digest=row.digest,
            text=row.output_digest,
            written=row.id,
        )
        for row in connection.execute(wanted)
    ]


def _scans(connection: Connection, digits: str) -> list[Match]:
    wanted = select(_asset.digest).where(_fits(_asset.digest, digits)).distinct().limit(_MOST)
    return [
        Match(how=How.SCAN, digest=digest, text=digest) for digest in connection.scalars(wanted)
    ]


def _of_steps(wanted: Select[Any]) -> Select[Any]:
    step = tables.step.c
    return (
        wanted.add_columns(_asset.digest.label("scan"), _asset.page, _asset.pages)
        .join(tables.step, step.id == wanted.selected_columns.step_id)
        .join(tables.asset, _asset.id == step.asset_id)
        .limit(_MOST)
    )


def _results(
    connection: Connection, condition: ColumnElement[bool], how: How, column: Any
) -> list[Match]:
    wanted = _of_steps(select(_made.step_id, column.label("text")).where(condition))
    return [_of_page(row, how) for row in connection.execute(wanted)]


def _inputs(connection: Connection, digits: str) -> list[Match]:
    use = tables.step_input.c
    wanted = select(use.step_id, use.digest.label("text"))
    supplied = wanted.where(_fits(use.digest, digits), use.role == "supplied")
    return [_of_page(row, How.INPUT) for row in connection.execute(_of_steps(supplied))]


def _records(connection: Connection, digits: str) -> list[Match]:
    """Find records by their digests, which have no index: the last thing that is tried."""
    step = tables.step.c
    wanted = (
        select(step.digest.label("text"), _asset.digest.label("scan"), _asset.page, _asset.pages)
        .join(tables.asset, _asset.id == step.asset_id)
        .where(_fits(step.digest, digits) | _fits(step.key, digits))
        .limit(_MOST)
    )
    return [_of_page(row, How.RECORD) for row in connection.execute(wanted)]


def _of_page(row: Any, how: How) -> Match:
    page = row.page if row.pages > 1 else None
    return Match(how=how, digest=row.scan, page=page, text=row.text)


def _once(found: Iterable[Match]) -> tuple[Match, ...]:
    """Return matches without those that say the same."""
    return tuple(dict.fromkeys(found))
