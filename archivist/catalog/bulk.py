"""Many rows at once: the statement is SQLAlchemy's, the rows go to the driver as plain tuples.

Building a dict for each row, as ``connection.execute`` wants it, costs more than SQLite's own work
for narrow rows; converting column by column with ``map`` and handing over tuples does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Dialect, Insert, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

PAGE = 500
"""Values in one IN list, and rows in one transaction: more gains nothing (44,000 rows a second at
100, 62,000 at 1000), and SQLite's limit on variables is far off."""

T = TypeVar("T")


def pages(items: Iterable[T], size: int = PAGE) -> Iterator[list[T]]:
    """Cut items into lists of ``size``; the last may be shorter."""
    iterator = iter(items)
    while page := list(islice(iterator, size)):
        yield page


def insert_rows(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    *,
    conflict: tuple[str, ...] = (),
    update: tuple[str, ...] = (),
) -> None:
    """Insert rows given as tuples in the order of ``columns``.

    With ``conflict`` (the columns of a unique key) rows that are there stay as they are, or take
    the new values of the ``update`` columns.
    """
    if rows:
        sql, converters = _prepared(connection.dialect, table, columns, conflict, update)
        connection.exec_driver_sql(sql, list(_converted(rows, converters)))


def _converted(
    rows: Sequence[tuple[Any, ...]], converters: Sequence[Callable[[Any], Any] | None]
) -> Iterator[tuple[Any, ...]]:
    columns = zip(*rows, strict=True)
    return zip(
        *(
            map(convert, values) if convert is not None else values
            for convert, values in zip(converters, columns, strict=True)
        ),
        strict=True,
    )


@lru_cache(maxsize=256)
def _prepared(
    dialect: Dialect,
    table: Table,
    columns: tuple[str, ...],
    conflict: tuple[str, ...],
    update: tuple[str, ...],
) -> tuple[str, tuple[Callable[[Any], Any] | None, ...]]:
    statement = upsert(dialect, table, conflict, update) if conflict else insert(table)
    compiled = statement.compile(dialect=dialect, column_keys=list(columns))
    assert list(compiled.positiontup or ()) == [c for c in table.c.keys() if c in columns]  # noqa: SIM118
    return str(compiled), tuple(_converter(table.c[name], dialect) for name in columns)


def _converter(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    convert = column.type.dialect_impl(dialect).bind_processor(dialect)
    if not column.nullable:  # the check for None is half the cost of a cheap conversion
        return getattr(convert, "of_value", convert)
    return convert


def upsert(
    dialect: Dialect, table: Table, conflict: Sequence[str], update: Sequence[str] = ()
) -> Insert:
    """Return an insert that leaves or refreshes the rows that are there already."""
    make = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    statement: Any = make(table)
    if not update:
        return statement.on_conflict_do_nothing(index_elements=list(conflict))  # type: ignore[no-any-return]
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=list(conflict),
        set_={name: statement.excluded[name] for name in update},
    )
