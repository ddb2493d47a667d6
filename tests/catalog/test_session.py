"""Opening a catalog: what is refused, by whom it is held, what is made."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from archivist.api.errors import CatalogError
from archivist.catalog import engine, queries
from archivist.catalog.rows import RunState
from archivist.catalog.session import open_catalog
from archivist.catalog.tables import SCHEMA
from archivist.catalog.writer import Writer


def _execute(url: str, statement: str) -> None:
    made = create_engine(url)
    with made.begin() as connection:
        connection.execute(text(statement))
    made.dispose()


def test_a_second_writer_is_told_who_holds_the_catalog(url):
    with open_catalog(url, write=True), pytest.raises(CatalogError) as caught:
        open_catalog(url, write=True)

    assert f"process {os.getpid()} on " in str(caught.value)
    assert "since 20" in str(caught.value)
    assert "Cure: wait" in str(caught.value)


def test_a_writer_waits_a_moment_for_one_that_is_about_to_finish(url):
    with ThreadPoolExecutor(1) as other:
        with open_catalog(url, write=True):
            second = other.submit(lambda: open_catalog(url, write=True).close())
            time.sleep(0.3)
            assert not second.done()
        second.result(timeout=10)


def test_the_next_writer_comes_in_when_the_first_has_closed(url):
    open_catalog(url, write=True).close()

    with open_catalog(url, write=True) as catalog:
        assert catalog.write


def test_readers_come_in_beside_the_writer(url, make):
    with open_catalog(url, write=True) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(command="scan")
        with open_catalog(url, write=False) as reader:
            assert queries.run(reader, run).state is RunState.PLANNING
            writer.finish_run(run)
            assert queries.run(reader, run).state is RunState.DONE


def test_a_reader_cannot_write(url):
    open_catalog(url, write=True).close()

    with open_catalog(url, write=False) as catalog, pytest.raises(CatalogError, match="reading"):
        Writer(catalog).start_run(command="scan")


def test_a_writer_that_was_overtaken_must_stop(url, make):
    with open_catalog(url, write=True) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(command="scan")
        with catalog.engine.begin() as connection:
            connection.execute(text("UPDATE schema_meta SET writer_epoch = writer_epoch + 1"))

        with pytest.raises(CatalogError, match="being written"):
            writer.add_scan(run, [make.file("a")])


def test_a_missing_catalog_is_not_made_by_a_reader(tmp_path):
    with pytest.raises(CatalogError, match="archivist run SCANS"):
        open_catalog(f"sqlite:///{tmp_path / 'none.sqlite'}", write=False)

    assert list(tmp_path.iterdir()) == []


def test_a_missing_catalog_is_not_made_against_the_callers_wish(url):
    with pytest.raises(CatalogError, match="there is no catalog"):
        open_catalog(url, write=True, create=False)


def test_an_empty_database_has_no_catalog_for_a_reader(postgres_or_empty_file):
    with pytest.raises(CatalogError, match="there is no catalog"):
        open_catalog(postgres_or_empty_file, write=False)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def postgres_or_empty_file(request, tmp_path):
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url")
    (tmp_path / "empty.sqlite").touch()
    return f"sqlite:///{tmp_path / 'empty.sqlite'}"


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"GIF89a" + bytes(1000))

    for write in (True, False):
        with pytest.raises(CatalogError, match="no SQLite database"):
            open_catalog(str(path), write=write)

    assert path.read_bytes() == b"GIF89a" + bytes(1000)


def test_a_damaged_catalog_is_named_as_such(sqlite_url, tmp_path):
    open_catalog(sqlite_url, write=True).close()
    path = tmp_path / "catalog.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))

    with pytest.raises(CatalogError, match="backup"):
        open_catalog(sqlite_url, write=False)


def test_another_programs_database_is_refused(url):
    _execute(url, "CREATE TABLE recipes (id integer)")

    with pytest.raises(CatalogError, match="another program"):
        open_catalog(url, write=True)


@pytest.mark.parametrize("write", [True, False])
def test_a_newer_schema_is_refused_with_its_cure(url, write):
    open_catalog(url, write=True).close()
    _execute(url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(CatalogError, match="pip install --upgrade archivist"):
        open_catalog(url, write=write)


@pytest.mark.parametrize("target", ["file", "folder"])
def test_a_read_only_place_is_refused_for_writing(sqlite_url, tmp_path, target, monkeypatch):
    open_catalog(sqlite_url, write=True).close()
    path = tmp_path / "catalog.sqlite" if target == "file" else tmp_path
    allowed = os.access
    # For root every place is writable; the system's answer for others is given here instead.
    monkeypatch.setattr(
        engine.os, "access", lambda place, mode: Path(place) != path and allowed(place, mode)
    )

    with pytest.raises(CatalogError, match="read-only"):
        open_catalog(sqlite_url, write=True)


def test_a_catalog_in_a_read_only_folder_can_be_read(sqlite_url, tmp_path, monkeypatch):
    open_catalog(sqlite_url, write=True).close()
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr(engine.os, "access", lambda place, mode: False)

    with open_catalog(sqlite_url, write=False) as catalog:
        assert queries.runs(catalog) == ()
        assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_bare_file_name_is_a_sqlite_catalog(tmp_path):
    with open_catalog(str(tmp_path / "deep" / "c.sqlite"), write=True) as catalog:
        assert catalog.path == tmp_path / "deep" / "c.sqlite"


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "://"])
def test_an_url_of_no_catalog_is_refused(url):
    with pytest.raises(CatalogError, match="Cure: sqlite:///FILE or postgresql://"):
        open_catalog(url, write=True)


def test_a_missing_driver_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(CatalogError, match=r"pip install archivist\[postgres\]"):
        open_catalog("postgresql://localhost/x", write=True)


@pytest.mark.postgres
def test_a_server_that_does_not_answer_is_named_with_its_cure(postgres_server):
    with pytest.raises(CatalogError, match="Cure: start the Postgres server"):
        open_catalog("postgresql://archivist@127.0.0.1:1/x", write=True)


@pytest.mark.postgres
def test_a_missing_database_is_named_with_its_cure(postgres_server):
    with pytest.raises(CatalogError, match="createdb"):
        open_catalog(f"{postgres_server}/nobody_made_it", write=True)


def test_the_password_is_not_shown(postgres_server):
    url = postgres_server.replace("archivist@", "archivist:secret@")

    with pytest.raises(CatalogError) as caught:
        open_catalog(f"{url}/nobody_made_it", write=True)

    assert "secret" not in str(caught.value)


@pytest.mark.postgres
def test_postgres_does_not_compile_short_queries(postgres_url):
    with open_catalog(postgres_url, write=True) as catalog, catalog.reading() as connection:
        assert connection.exec_driver_sql("SHOW jit").scalar() == "off"


def test_sqlite_keeps_what_was_committed_through_a_power_cut(sqlite_url):
    with open_catalog(sqlite_url, write=True) as catalog, catalog.reading() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_the_write_ahead_log_is_not_used_on_a_network_file_system(
    sqlite_url, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(engine, "network_file_system", lambda path: "nfs4")

    open_catalog(sqlite_url, write=True).close()

    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert "lies on nfs4" in caplog.text


def test_a_mount_of_a_network_file_system_is_recognised(tmp_path, monkeypatch):
    from types import SimpleNamespace

    mounts = [
        SimpleNamespace(mountpoint="/", fstype="ext4"),
        SimpleNamespace(mountpoint=str(tmp_path / "archive"), fstype="nfs4"),
    ]
    monkeypatch.setattr(engine.psutil, "disk_partitions", lambda **options: mounts)

    assert engine.network_file_system(tmp_path / "archive" / "c.sqlite") == "nfs4"
    assert engine.network_file_system(tmp_path / "archives" / "c.sqlite") is None


def test_the_lock_of_a_killed_writer_is_free(sqlite_url):
    program = (
        "import os, signal, sys\n"
        "from archivist.catalog.session import open_catalog\n"
        "catalog = open_catalog(sys.argv[1], write=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, sqlite_url], check=False)

    with open_catalog(sqlite_url, write=True) as catalog:
        assert catalog.write


def test_info_tells_what_the_catalog_is(catalog, writer, planned, make):
    file = make.file("a")
    writer.record(planned(file), [make.outcome(file)])

    info = queries.info(catalog)

    assert info.backend == catalog.backend
    assert (info.schema, info.collection) == (SCHEMA, "default")
    assert (info.counts["step"], info.counts["asset"]) == (2, 1)
    assert info.size > 10_000
    assert info.server[0].isdigit()
