"""Alembic environment: it is handed a ready connection and wraps each migration in a transaction.

Run through ``archivist catalog upgrade``, or by developers as
``alembic -x url=sqlite:///catalog.sqlite revision --autogenerate`` with this folder as location.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection

from archivist.catalog import types
from archivist.catalog.engine import make_engine
from archivist.catalog.tables import metadata


def render_item(kind: str, item: Any, autogen: Any) -> str | bool:
    """Write our column types by the names a migration imports."""
    if kind != "type":
        return False
    own = {id(types.BigId): "types.BigId", id(types.Real): "types.Real"}.get(id(item))
    if own is None and type(item).__module__ == types.__name__:
        own = f"types.{type(item).__name__}()"
    if own is not None:
        autogen.imports.add("from archivist.catalog import types")
    return own or False


def migrate(connection: Connection) -> None:
    """Run the migrations asked for on a connection."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


ready = context.config.attributes.get("connection")
if ready is not None:
    migrate(ready)
else:
    engine = make_engine(context.get_x_argument(as_dictionary=True)["url"], write=True)
    with engine.connect() as fresh:
        migrate(fresh)
        fresh.commit()
