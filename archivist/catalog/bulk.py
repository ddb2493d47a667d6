"""Many rows at once: the statement is SQLAlchemy's, the rows go to the driver as plain tuples.

``connection.execute`` builds a dict for each row and converts value by value, which costs three
times as much as SQLite's own work. Here a statement is compiled once, and values are converted a
column at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Insert,
    Select,
    Table,
    bindparam,
    delete,
    insert,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeDecorator, TypeEngine

from archivist.catalog.journal.lines import Where, batch_of

PAGE = 500
"""Values in one IN list, and rows in one transaction: more gains nothing (44,000 rows a second at
100, 62,000 at 1000), and SQLite's limit on variables is far off."""

_SIZES = (1, 8, 64, PAGE)
"""Lengths of IN lists: the last value is repeated up to the next, so that few texts are compiled
here and prepared by the database."""

T = TypeVar("T")
Row = tuple[Any, ...]
Convert = Callable[[Sequence[Any]], Iterable[Any]]
"""Converts the values of a column."""


def pages(items: Iterable[T], size: int = PAGE) -> Iterator[list[T]]:
    """Cut items into lists of ``size``; the last may be shorter."""
    iterator = iter(items)
    while page := list(islice(iterator, size)):
        yield page


def weighed_pages(
    items: Iterable[T], weight: Callable[[T], int], size: int = PAGE
) -> Iterator[list[T]]:
    """Cut items into lists that weigh ``size`` at most; one that weighs more is alone."""
    page: list[T] = []
    total = 0
    for item in items:
        more = weight(item)
        if page and total + more > size:
            yield page
            page, total = [], 0
        page.append(item)
        total += more
    if page:
        yield page


_dialects: dict[str, Dialect] = {}


def _shared(connection: Connection) -> Dialect:
    """Return one dialect for all catalogs of a kind, so that they share compiled statements.

    Compiling a look-up of 500 values takes 20 ms, as long as 2000 values take to be found.
    """
    return _dialects.setdefault(connection.dialect.name, connection.dialect)


# --- write ----------------------------------------------------------------------------------


def insert_rows(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    *,
    conflict: tuple[str, ...] = (),
    update: tuple[str, ...] = (),
    add: tuple[str, ...] = (),
) -> None:
    """Insert rows given as tuples in the order of ``columns``, which is that of the table.

    With ``conflict`` (the columns of a unique key) rows that are there stay as they are, or take
    the new values of the ``update`` columns, or add those of the ``add`` columns to theirs.
    """
    if not rows:
        return
    sql, converters = _prepared_insert(_shared(connection), table, columns, conflict, update, add)
    connection.exec_driver_sql(sql, _converted(rows, converters))
    if (batch := batch_of(connection)) is not None:
        batch.rows(table, columns, rows, conflict=conflict, update=update, add=add)


def insert_one(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert a row and return its number, which the database gives unless ``values`` has it."""
    key = connection.execute(insert(table).values(**values)).inserted_primary_key
    assert key is not None
    number = int(key[0])
    if (batch := batch_of(connection)) is not None:
        row = {"id": number, **values}
        columns = [name for name in table.c.keys() if name in row]  # noqa: SIM118
        batch.rows(table, columns, [[row[name] for name in columns]])
    return number


def execute_rows(
    connection: Connection,
    statement: UpdateBase,
    names: tuple[str, ...],
    rows: Sequence[Row],
    *,
    called: str,
) -> None:
    """Run a statement for rows that hold its bound values in the order of ``names``.

    ``called`` is what the journal calls it (:mod:`archivist.catalog.journal.replay`).
    """
    if not rows:
        return
    sql, order, converters = _prepared(_shared(connection), statement, names)
    ordered = [tuple([row[n] for n in order]) for row in rows]
    connection.exec_driver_sql(sql, _converted(ordered, converters))
    if (batch := batch_of(connection)) is not None:
        batch.call(called, names, rows)


def change_rows(
    connection: Connection, table: Table, values: Mapping[str, Any], where: Where
) -> int:
    """Change the rows that ``where`` names; return how many those were."""
    done = connection.execute(update(table).where(*_conditions(table, where)).values(**values))
    if (batch := batch_of(connection)) is not None and done.rowcount:
        batch.change(table, values, where)
    return done.rowcount


def delete_rows(connection: Connection, table: Table, where: Where) -> int:
    """Delete the rows that ``where`` names; return how many those were."""
    done = connection.execute(delete(table).where(*_conditions(table, where)))
    if (batch := batch_of(connection)) is not None and done.rowcount:
        batch.remove(table, where)
    return done.rowcount


def _conditions(table: Table, where: Where) -> list[ColumnElement[bool]]:
    return [
        table.c[name].is_(None) if list(values) == [None] else table.c[name].in_(values)
        for name, values in where.items()
    ]


def _converted(rows: Sequence[Row], converters: Sequence[Convert | None]) -> list[Row]:
    columns = zip(*rows, strict=True)
    return list(
        zip(
            *(
                values if convert is None else convert(values)
                for convert, values in zip(converters, columns, strict=True)
            ),
            strict=True,
        )
    )


@lru_cache(maxsize=256)
def _prepared_insert(
    dialect: Dialect,
    table: Table,
    columns: tuple[str, ...],
    conflict: tuple[str, ...],
    update: tuple[str, ...],
    add: tuple[str, ...],
) -> tuple[str, tuple[Convert | None, ...]]:
    statement = upsert(dialect, table, conflict, update, add) if conflict else insert(table)
    compiled = statement.compile(dialect=dialect, column_keys=list(columns))
    assert tuple(compiled.positiontup or ()) == columns, "columns in another order than the table"
    return str(compiled), tuple(_writer(table.c[name].type, dialect) for name in columns)


@lru_cache(maxsize=64)
def _prepared(
    dialect: Dialect, statement: UpdateBase, names: tuple[str, ...]
) -> tuple[str, tuple[int, ...], tuple[Convert | None, ...]]:
    compiled = statement.compile(dialect=dialect)
    positions = compiled.positiontup or ()
    types = [compiled.binds[name].type for name in positions]
    order = tuple(names.index(name) for name in positions)
    return str(compiled), order, tuple(_writer(kind, dialect) for kind in types)


def _writer(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    return None if convert is None else _by_column(convert)


def _by_column(convert: Callable[[Any], Any]) -> Convert:
    """Return the converter of a column from that of a value, using what our types offer."""
    whole: Convert | None = getattr(convert, "of_column", None)
    if whole is not None:
        return whole
    single: Callable[[Any], Any] = getattr(convert, "of_value", convert)

    def converter(values: Sequence[Any]) -> Iterable[Any]:
        empty = values.count(None)
        if empty == len(values):
            return values
        return map(convert if empty else single, values)

    return converter


def upsert(
    dialect: Dialect,
    table: Table,
    conflict: Sequence[str],
    update: Sequence[str] = (),
    add: Sequence[str] = (),
) -> Insert:
    """Return an insert that leaves, refreshes or adds to the rows that are there already."""
    make = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    statement: Any = make(table)
    if not (update or add):
        return statement.on_conflict_do_nothing(index_elements=list(conflict))  # type: ignore[no-any-return]
    new = statement.excluded
    return statement.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=list(conflict),
        set_={name: new[name] for name in update}
        | {name: table.c[name] + new[name] for name in add},
    )


# --- read -----------------------------------------------------------------------------------


def select_in(
    connection: Connection,
    statement: Select[Any],
    column: Column[Any],
    values: Iterable[Any],
    **given: int,
) -> Iterator[Row]:
    """Yield the rows, as plain tuples, in which a column has one of the values.

    The statement must be a constant of its module, because it is compiled once; its order holds
    within each page of 500 values. ``given`` are its bound numbers by name.
    """
    read = _readers(_shared(connection), statement)
    for rows in select_raw(connection, statement, column, values, **given):
        if rows:
            yield from _converted(rows, read)


def select_raw(
    connection: Connection,
    statement: Select[Any],
    column: Column[Any],
    values: Iterable[Any],
    **given: int,
) -> Iterator[list[Row]]:
    """Yield what :func:`select_in` does page by page, and as the driver gives it: digests as bytes.

    For the one look-up that a plan makes for every step of every asset.
    """
    for page in pages(values):
        size = next(size for size in _SIZES if len(page) <= size)
        sql, before, write = _prepared_select(_shared(connection), statement, column, size)
        filled = page + page[-1:] * (size - len(page))
        wanted = filled if write is None else write(filled)
        with connection.exec_driver_sql(sql, (*(given[n] for n in before), *wanted)) as result:
            cursor = result.cursor
            assert cursor is not None
            yield list(cursor.fetchall())


@lru_cache(maxsize=256)
def _prepared_select(
    dialect: Dialect, statement: Select[Any], column: Column[Any], size: int
) -> tuple[str, tuple[str, ...], Convert | None]:
    names = [f"in_{n}" for n in range(size)]
    limited = statement.where(column.in_([bindparam(n, type_=column.type) for n in names]))
    compiled = limited.compile(dialect=dialect)
    positions = list(compiled.positiontup or ())
    before = tuple(positions[: len(positions) - size])
    assert positions[len(before) :] == names, "the values must be the last that are bound"
    return str(compiled), before, _writer(column.type, dialect)


@lru_cache(maxsize=64)
def _readers(dialect: Dialect, statement: Select[Any]) -> tuple[Convert | None, ...]:
    return tuple(_reader(item.type, dialect) for item in statement.selected_columns)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if not isinstance(kind, TypeDecorator):
        return None  # numbers and text come from the drivers as they are
    convert = kind.dialect_impl(dialect).result_processor(dialect, None)
    return None if convert is None else _by_column(convert)
