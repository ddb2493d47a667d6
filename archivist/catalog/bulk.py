"""Many rows at once: the statement is SQLAlchemy's, the rows go to the driver as plain tuples.

``connection.execute`` builds a dict for each row and converts value by value, which costs three
times as much as SQLite's own work. Here a statement is compiled once, and values are converted a
column at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Dialect, Insert, Select, Table, bindparam, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeDecorator, TypeEngine

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
) -> None:
    """Insert rows given as tuples in the order of ``columns``, which is that of the table.

    With ``conflict`` (the columns of a unique key) rows that are there stay as they are, or take
    the new values of the ``update`` columns.
    """
    if rows:
        sql, converters = _prepared_insert(_shared(connection), table, columns, conflict, update)
        connection.exec_driver_sql(sql, _converted(rows, converters))


def execute_rows(
    connection: Connection, statement: UpdateBase, names: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """Run a statement for rows that hold its bound values in the order of ``names``."""
    if rows:
        sql, order, converters = _prepared(_shared(connection), statement, names)
        ordered = [tuple([row[n] for n in order]) for row in rows]
        connection.exec_driver_sql(sql, _converted(ordered, converters))


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
) -> tuple[str, tuple[Convert | None, ...]]:
    statement = upsert(dialect, table, conflict, update) if conflict else insert(table)
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
