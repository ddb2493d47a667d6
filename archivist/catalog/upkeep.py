"""Questions about the catalog itself: its size, the files it names, weights, environments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, func, select, text

from archivist.catalog import tables
from archivist.catalog.bulk import PAGE
from archivist.catalog.reading import weight_of
from archivist.catalog.rows import CatalogInfo, WeightRow
from archivist.catalog.session import Catalog
from archivist.catalog.tables import SCHEMA

_COUNTED = (
    tables.scan_file,
    tables.refusal,
    tables.asset,
    tables.duplicate,
    tables.run,
    tables.step,
    tables.publication,
    tables.blob,
    tables.review,
    tables.event,
)


def referenced_blobs(catalog: Catalog) -> Iterator[str]:
    """Yield the digests of all stored files that records name and that were not deleted."""
    table, after = tables.blob.c, ""
    while True:
        wanted = select(table.digest).where(table.purged.is_(None)).order_by(table.digest)
        if after:
            wanted = wanted.where(table.digest > after)
        with catalog.reading() as connection:
            digests = connection.scalars(wanted.limit(PAGE * 10)).all()
        if not digests:
            return
        yield from digests
        after = digests[-1]


def weights_seen(catalog: Catalog) -> tuple[WeightRow, ...]:
    """Return every weight file that a recorded step declared, with how many steps used it."""
    table, use = tables.weights.c, tables.step_weights.c
    used = (use.weights_id == table.id) & (use.ordinal >= 0)
    uses = select(func.count()).where(used).scalar_subquery()
    wanted: Select[Any] = select(*tables.weights.c, uses.label("uses"))
    with catalog.reading() as connection:
        rows = connection.execute(wanted.order_by(table.name, table.id))
        return tuple(WeightRow(weights=weight_of(row), uses=row.uses) for row in rows)


def environment(catalog: Catalog, digest: str) -> dict[str, Any] | None:
    """Return the recorded environment (versions, device) of a digest; None when not recorded."""
    table = tables.environment.c
    with catalog.reading() as connection:
        found = connection.scalar(select(table.value).where(table.digest == digest))
    return None if found is None else dict(found)


def info(catalog: Catalog) -> CatalogInfo:
    """Return what ``catalog info`` shows; counting takes seconds for many millions of rows."""
    with catalog.reading() as connection:
        counts = {
            table.name: int(connection.scalar(select(func.count()).select_from(table)) or 0)
            for table in _COUNTED
        }
        return CatalogInfo(
            url=catalog.url.render_as_string(),
            backend=catalog.backend,
            server=_server(connection),
            schema=SCHEMA,
            instance=str(connection.scalar(select(tables.schema_meta.c.instance)) or ""),
            size=_size(connection, catalog.path),
            collection=_collection(connection, catalog.collection_id),
            counts=counts,
        )


def _collection(connection: Connection, number: int | None) -> str:
    wanted = select(tables.collection.c.name).where(tables.collection.c.id == number)
    return connection.scalar(wanted) or ""


def _server(connection: Connection) -> str:
    version = connection.dialect.server_version_info or ()
    return ".".join(str(part) for part in version)


def _size(connection: Connection, path: Path | None) -> int:
    if path is None:
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
