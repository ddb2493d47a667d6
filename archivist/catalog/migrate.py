"""Schema versions: upgrade a catalog with Alembic, after a copy of the SQLite file was made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

import archivist
from archivist.api.errors import CatalogError
from archivist.catalog.engine import IMMEDIATE, check_file, make_engine, parse_url, sqlite_path
from archivist.catalog.tables import SCHEMA

if TYPE_CHECKING:
    from alembic.config import Config


def scripts() -> Path:
    """Return the folder of migrations: inside the package (wheel) or beside it (checkout)."""
    package = Path(archivist.__file__).parent
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise CatalogError("the migrations are missing. Cure: install archivist again")


def head() -> str:
    """Return the schema version that this archivist writes."""
    return SCHEMA


def revision_of(connection: Connection) -> str | None:
    """Return the schema version of an open database, None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def current(url: str) -> str | None:
    """Return the schema version of a catalog, None when it is not there or empty."""
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    if path is not None:
        if not path.exists():
            return None
        check_file(path, write=False)
    engine = make_engine(parsed, write=False)
    try:
        with engine.connect() as connection:
            return revision_of(connection)
    finally:
        engine.dispose()


def known_revisions() -> tuple[str, ...]:
    """Return the schema versions that this archivist can upgrade from, newest first."""
    from alembic.script import ScriptDirectory

    walk = ScriptDirectory.from_config(_config(None)).walk_revisions()
    return tuple(script.revision for script in walk)


def upgrade(url: str) -> Path | None:
    """Bring a catalog to :func:`head`; return the backup copy, if one was made.

    Takes the writer's place while it works. An empty Postgres database gets its tables. Raises
    CatalogError when the catalog is locked, read-only or newer than this archivist, or when there
    is no SQLite file: a mistyped name must not make one, least of all among the scans.
    """
    from archivist.catalog.session import missing, open_catalog

    path = sqlite_path(parse_url(url))
    if path is not None and not path.exists():
        raise missing(str(path))
    with open_catalog(url, write=True) as catalog:
        return catalog.backup


def upgrade_engine(engine: Engine, path: Path | None, found: str | None) -> Path | None:
    """Upgrade a database whose writer's lock is held; ``found`` is its version now."""
    backup = None
    if found is not None:
        refuse_newer(found)
        backup = back_up(path, found) if path is not None else None
    elif _has_foreign_tables(engine):
        raise CatalogError(
            f"{engine.url.render_as_string()} holds another program's tables. "
            "Cure: name an empty database with --catalog"
        )
    from alembic import command

    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection:
        command.upgrade(_config(connection), "head")
        connection.commit()
    return backup


def back_up(path: Path, found: str) -> Path:
    """Copy a SQLite database beside itself with SQLite's own backup; return the copy.

    Raises CatalogError when the disk is full or the folder read-only.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    copy = path.with_name(f"{path.name}.{found}.{stamp}.backup")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except (sqlite3.Error, OSError) as error:
        copy.unlink(missing_ok=True)
        raise CatalogError(
            f"no backup of {path} could be made before the upgrade ({error}); nothing was changed. "
            "Cure: make room beside it"
        ) from error
    return copy


def refuse_newer(found: str) -> None:
    """Raise CatalogError for a schema version that this archivist does not know."""
    if found not in known_revisions():
        raise CatalogError(
            f"the catalog has schema {found}, which this archivist ({archivist.__version__}, "
            f"schema {SCHEMA}) does not know. Cure: pip install --upgrade archivist"
        )


def _has_foreign_tables(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(inspect(connection).get_table_names())


def _config(connection: Connection | None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
