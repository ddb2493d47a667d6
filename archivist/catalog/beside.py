"""Record what a person decides while a run holds the catalog.

There is one writer, and a decision is one short transaction between two of its own: on SQLite the
begin of a transaction waits for the end of the other, on Postgres the row of ``schema_meta`` does.
The writer finds in each transaction how far catalog and journal have come meanwhile and goes on
from there, so that ledger, journal and their chains are those of one writer. Only decisions come in
this way: they add rows that nobody else writes, and none that the writer has in memory.
"""

from __future__ import annotations

from pathlib import Path

from archivist.catalog.engine import make_engine, parse_url, sqlite_path
from archivist.catalog.failing import translated
from archivist.catalog.lock import Held, door
from archivist.catalog.session import Catalog, open_catalog, ready


def open_to_decide(url: str, *, home: Path | None, collection: str = "default") -> Catalog:
    """Open a catalog for the decisions of people: beside the writer, if there is one.

    ``home`` is ``.archivist`` of the output folder. Raises CatalogError, with its cure, for a
    catalog that cannot be written or has no pause in 30 seconds.
    """
    try:
        return open_catalog(url, write=True, create=False, collection=collection, home=home, wait=0)
    except Held:
        return _open_beside(url, collection)


def _open_beside(url: str, collection: str) -> Catalog:
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    engine = make_engine(parsed, write=True)
    try:
        with translated(parsed):
            held = door(engine, path)
        try:
            with translated(parsed):
                ready(engine, path, write=False, create=False)
            catalog = Catalog(parsed, engine, held, write=True, backup=None)
            catalog.enter_beside(collection)
        except BaseException:
            held.release()
            raise
    except BaseException:
        engine.dispose()
        raise
    return catalog
