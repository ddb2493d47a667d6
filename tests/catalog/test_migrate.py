"""Migrations: they make what the tables say, on both databases, and lose nothing."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from archivist.api.errors import CatalogError
from archivist.catalog import migrate, queries
from archivist.catalog.session import open_catalog
from archivist.catalog.tables import SCHEMA, metadata
from archivist.catalog.writer import Writer


def test_the_schema_constant_is_the_head_of_the_migrations():
    assert migrate.known_revisions()[0] == SCHEMA == migrate.head()


def test_an_empty_catalog_brought_to_head_equals_the_tables(catalog):
    with catalog.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)

    assert differences == []


def _parts(sql):
    """Split a statement into its definitions; the order of the constraints says nothing."""
    flat = " ".join(sql.replace('"', "").split())
    body, closing_bracket, options = flat.rpartition(")")
    return sorted(re.split(r",? (?=CONSTRAINT)", body.strip())), closing_bracket, options


def test_sqlite_tables_are_made_word_for_word_as_the_tables_say(sqlite_url, tmp_path):
    """Autogenerate sees neither STRICT, WITHOUT ROWID nor the condition of a partial index."""
    from archivist.catalog.engine import make_engine

    with open_catalog(sqlite_url, write=True):
        pass
    other = make_engine(f"sqlite:///{tmp_path / 'other.sqlite'}", write=True)
    metadata.create_all(other)
    other.dispose()

    def schema(name):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL")
            return {name: _parts(sql) for name, sql in rows}

    found = schema("catalog.sqlite")
    del found["alembic_version"]
    assert found == schema("other.sqlite")


def test_a_catalog_that_is_not_there_has_no_version(url, tmp_path):
    assert migrate.current(url) is None
    open_catalog(url, write=True).close()
    assert migrate.current(url) == SCHEMA


@pytest.fixture
def older(url, make, monkeypatch):
    """Give a catalog with contents that archivist believes to be of an older schema."""
    with open_catalog(url, write=True) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(command="run", recipe=make.recipe)
        writer.add_scan(run, [make.file("a")])
        with catalog.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    monkeypatch.setattr(migrate, "known_revisions", lambda: (SCHEMA, "0000"))

    def step(config, target):
        connection = config.attributes["connection"]
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{SCHEMA}'"))

    monkeypatch.setattr("alembic.command.upgrade", step)
    return url


def test_an_older_catalog_is_upgraded_when_opened_for_writing(older, make):
    with open_catalog(older, write=True) as catalog:
        assert queries.info(catalog).counts["asset"] == 1

    assert migrate.current(older) == SCHEMA


def test_a_copy_of_a_sqlite_catalog_is_made_before_the_upgrade(older, tmp_path):
    backup = migrate.upgrade(older)

    if not older.startswith("sqlite"):
        assert backup is None
        return
    assert backup is not None
    assert backup.parent == tmp_path
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0000",)
        assert connection.execute("SELECT count(*) FROM asset").fetchone() == (1,)


def test_an_older_catalog_opened_for_reading_names_the_cure(older):
    with pytest.raises(CatalogError, match="archivist catalog upgrade"):
        open_catalog(older, write=False)


def test_a_catalog_of_each_earlier_schema_is_brought_to_head_with_its_contents(url, make):
    from alembic import command

    with open_catalog(url, write=True) as catalog:
        writer = Writer(catalog)
        writer.add_scan(writer.start_run(command="run"), [make.file("a")])
        with catalog.engine.connect() as connection:
            command.downgrade(migrate._config(connection), "0001")
            connection.commit()
    assert migrate.current(url) == "0001"

    with open_catalog(url, write=True) as catalog:
        assert queries.info(catalog).counts["asset"] == 1
        with catalog.reading() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []


def test_upgrading_a_catalog_at_head_changes_nothing(url):
    open_catalog(url, write=True).close()

    assert migrate.upgrade(url) is None


def test_upgrading_a_file_that_is_not_there_makes_none(sqlite_url, tmp_path):
    with pytest.raises(CatalogError, match="there is no catalog"):
        migrate.upgrade(sqlite_url)

    assert list(tmp_path.iterdir()) == []


def test_a_failed_backup_leaves_the_catalog_as_it_was(older, monkeypatch, tmp_path):
    if not older.startswith("sqlite"):
        pytest.skip("only SQLite catalogs are copied")

    def full(*args):
        raise sqlite3.OperationalError("database or disk is full")

    real = sqlite3.connect
    monkeypatch.setattr(
        migrate.sqlite3, "connect", lambda name: full() if "backup" in str(name) else real(name)
    )

    with pytest.raises(CatalogError, match="nothing was changed"):
        migrate.upgrade(older)
    monkeypatch.undo()

    assert migrate.current(older) == "0000"
    assert not list(tmp_path.glob("*.backup"))


def test_down_and_up_again_gives_the_same_tables(url):
    from alembic import command

    with open_catalog(url, write=True) as catalog, catalog.engine.connect() as connection:
        config = migrate._config(connection)
        command.downgrade(config, "base")
        command.upgrade(config, "head")
        connection.commit()
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
