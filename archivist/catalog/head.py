"""The one row of ``schema_meta``: who writes, and how far the catalog has come in its journal.

Each writer raises the epoch when it enters and finds it again in every transaction (a fencing
token): one that was overtaken must stop.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from archivist.catalog.journal.judging import Tip
from archivist.catalog.lock import locked, whoami
from archivist.catalog.tables import schema_meta

_HEAD = select(
    schema_meta.c.writer_epoch, schema_meta.c.writer, schema_meta.c.batch, schema_meta.c.chain
).with_for_update()
"""On Postgres the row stays locked until the end of the transaction, as on SQLite the file is from
its begin: so what is decided beside the writer comes between two of its transactions."""


def take_epoch(connection: Connection) -> int:
    """Enter as the newest writer; return the epoch that each transaction must find."""
    epoch = int(connection.execute(select(schema_meta.c.writer_epoch)).scalar_one()) + 1
    connection.execute(schema_meta.update().values(writer_epoch=epoch, writer=whoami()))
    return epoch


def position_of(connection: Connection) -> Tip:
    """Return how far a catalog has come in its journal."""
    row = connection.execute(select(schema_meta.c.batch, schema_meta.c.chain)).one()
    return Tip(row.batch or 0, row.chain or "")


def check_head(connection: Connection, epoch: int | None) -> Tip:
    """Return how far the catalog has come in its journal, for one who is about to write.

    Raises CatalogError when a newer writer than that of ``epoch`` has taken over; None is for one
    who writes beside the writer.
    """
    row = connection.execute(_HEAD).one()
    if epoch is not None and row.writer_epoch != epoch:
        raise locked(connection.engine.url.render_as_string(), row.writer or {})
    return Tip(row.batch or 0, row.chain or "")


def set_position(connection: Connection, tip: Tip) -> None:
    """Note in the catalog how far it has come in its journal."""
    values = {"batch": tip.batch, "chain": tip.chain or None}
    connection.execute(update(schema_meta).values(**values))
