"""The journal: what is written to the catalog is written beside it, and the catalog comes back."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, select, text

import archivist.catalog as catalog_package
from archivist.api.errors import CatalogError
from archivist.catalog import migrate, tables
from archivist.catalog.certifications import Change
from archivist.catalog.fixity import Check
from archivist.catalog.journal import shards
from archivist.catalog.journal.rebuild import rebuild
from archivist.catalog.journal.shards import Journal
from archivist.catalog.replays import Replayed, Verdict
from archivist.catalog.rows import Decision
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.hashing import digest_json
from archivist.ledger import keys
from archivist.model import (
    Flag,
    Lookalike,
    Refusal,
    Supplied,
    now,
)
from archivist.report.verify import Condition
from archivist.report.verify_journal import check_journal
from archivist.step.record import sealed

PER_CATALOG = ("writer_epoch", "writer", "journal", "chain", "batch")
"""Columns that say how a catalog was written, not what."""


both = pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
"""For what depends on the database; the files of the journal do not."""


@pytest.fixture
def url(request):
    """Give the URL of an empty catalog, on SQLite unless the test asks for both."""
    return request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")


@pytest.fixture
def home(tmp_path):
    """Give ``.archivist`` of an output folder."""
    folder = tmp_path / "out" / ".archivist"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def opened(url, home):
    """Give a function that opens the catalog for writing, beside its journal."""
    return lambda: open_catalog(url, write=True, home=home)


@pytest.fixture
def lose(url, tmp_path, request):
    """Give a function that takes the catalog away."""

    def take() -> None:
        if url.startswith("sqlite"):
            for file in tmp_path.glob("catalog.sqlite*"):
                file.rename(file.with_name(f"lost {file.name}"))
            return
        with open_catalog(url, write=False) as catalog, catalog.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))

    return take


def rows_of(url):
    """Return every row of every table."""
    with open_catalog(url, write=False) as catalog, catalog.reading() as connection:
        return {
            table.name: [
                {name: value for name, value in row._mapping.items() if name not in PER_CATALOG}
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in tables.metadata.sorted_tables
        }


def sealed_outcome(make, file, **changes):
    """Return an outcome whose records have the digests of what they say."""
    outcome = make.outcome(file, **changes)
    assets = tuple(
        replace(
            asset,
            records=tuple(
                sealed(replace(record, params={"threshold": 1.0, "size": None}))
                for record in asset.records
            ),
        )
        for asset in outcome.assets
    )
    return replace(outcome, assets=assets)


def run_over(writer, make, *files, **changes):
    """Record a whole run over files."""
    run = writer.start_run(command="run", recipe=make.recipe)
    writer.add_scan(run, files)
    writer.store_plan(run, make.recipe, [make.unit(file) for file in files])
    writer.record(run, [sealed_outcome(make, file, **changes) for file in files])
    writer.finish_run(run)
    return run


def tell_a_story(writer, make):
    """Do with a catalog everything that can be done with it."""
    plain, pages = make.file("a"), make.file("b", pages=2)
    hashed = replace(make.asset("c"), perceptual_hash="ff" * 8, facts={"title": "Har\udcffbour\0"})
    alike = replace(make.asset("d"), perceptual_hash="ff" * 7 + "fe", exif={"Make": "\u2400"})
    twins = [make.file(one, assets=(asset,)) for one, asset in (("c", hashed), ("d", alike))]
    bad = Refusal(path="bad.jpg", code="truncated", reason="ends too early")
    first = writer.start_run(command="run", operator="Ada <b>", recipe=make.recipe)
    writer.add_scan(first, [plain, pages, *twins, bad, replace(bad, path="mended.jpg")])
    writer.near_duplicates(first)
    writer.make_first_pass(first, command="embed", recipe=make.recipe)
    writer.store_plan(first, None, [make.unit(plain)])
    writer.record(first, [sealed_outcome(make, plain, publications=())])
    writer.finish_run(first)
    second = writer.start_run(command="run", recipe=make.recipe)
    writer.take_over_scan(second, of=first)
    writer.store_plan(second, make.recipe, [planned(make, file) for file in (plain, pages)])
    outcome = sealed_outcome(make, pages)
    flag = Flag(check="faces", step=make.steps[0], key=make.digest("k"), reason="look")
    flagged = replace(outcome.assets[0], flags=(flag,))
    again = unkept(sealed_outcome(make, plain))
    writer.record(second, [replace(outcome, assets=(flagged, *outcome.assets[1:])), again])
    writer.finish_run(second)
    writer.review(pages.assets[1].uid, Decision.APPROVE, by="Ada", reason="=SUM(1)\x07")
    redo = {make.steps[0]: {"threshold": 1.0}}
    writer.review(plain.assets[0].uid, Decision.REJECT, by="Bo", results=(), redo=redo)
    writer.note_denials(second, {plain.assets[0].uid: {"colour": "the donor forbids it"}})
    writer.withdraw_references([pages.assets[0].uid], by="Ada", reason="a copy")
    writer.forget_blobs([make.artifact(f"{plain.digest} {make.steps[1]}").blob], reason="space")
    third = writer.start_run(command="run", recipe=make.recipe)
    writer.add_scan(third, [replace(plain, digest=make.digest("new")), make.file("mended")])
    writer.finish_scan(third)
    writer.add_event("weights.imported", run=third, detail={"name": "net"}, actor="Bo")
    last = run_over(writer, make, make.file("e"))
    check_and_replay(writer, make, last)
    writer.checkpoint()


def check_and_replay(writer, make, run):
    """Record checks of files, a result that was made again, and an upgrade that was tried."""
    seen = {"subject": "original", "name": "a.jpg", "digest": make.digest("a"), "detail": ""}
    for outcome in ("fine", "changed"):
        writer.add_checks(run, [Check(**seen, outcome=outcome, at=now(), seconds=0.5)])
    again = Replayed(
        publication=1,
        source="b.jpg",
        path="b.jpg",
        profile="master",
        output_digest=make.digest("output b.jpg"),
        verdict=Verdict.DIFFERENT,
        detail={"largest": 1.0, "note": "a\0b"},
    )
    writer.add_replays(run, [again], environment=(digest_json({"gpu": ""}), {"gpu": ""}))
    change = Change(
        step=make.steps[0], version=1, weights=(), new_version=2, new_weights=(make.digest("w"),)
    )
    writer.add_certification(run, name="scratch", changes=[change], results={"different": 1})


def planned(make, file):
    """Return a unit with a value that a person made, and with lookalikes."""
    unit = make.unit(file)
    supplied = (Supplied(port="mask", path="/m/a\udcff.png", digest=make.digest("mask")),)
    place = (0, 0, 10, 10)
    near = Lookalike(asset=make.digest("c"), page=0, region=place, near=place, cosine=0.5)
    (work,) = unit.files
    first = replace(
        work.pages[0], supplied=supplied, lookalikes={make.steps[0]: (near,)}, snapshot="s"
    )
    return replace(unit, files=(replace(work, pages=(first, *work.pages[1:])),))


def unkept(outcome):
    """Return an outcome whose first record kept no file of its output, with another key."""
    (asset,) = outcome.assets
    first = asset.records[0]
    bare = replace(first.outputs[0], kept=False, blob=None, size=0, media_type="")
    other = sealed(replace(first, key=first.digest, outputs=(bare,)))
    return replace(outcome, assets=(replace(asset, records=(other, *asset.records[1:])),))


def keep_later(writer, make, file):
    """Make a result once without keeping its file, and once more keeping it."""
    for keep in (False, True):
        outcome = sealed_outcome(make, file, publications=())
        run = writer.start_run(command="run", recipe=make.recipe)
        writer.add_scan(run, [file])
        writer.finish_scan(run)
        writer.store_plan(run, make.recipe, [make.unit(file)])
        writer.record(run, [outcome if keep else without_files(outcome)])
        writer.finish_run(run)


def without_files(outcome):
    (asset,) = outcome.assets
    records = tuple(
        sealed(
            replace(
                record,
                outputs=tuple(
                    replace(one, kept=False, blob=None, size=0, media_type="")
                    for one in record.outputs
                ),
            )
        )
        for record in asset.records
    )
    return replace(outcome, assets=(replace(asset, records=records),))


# --- a lost catalog -----------------------------------------------------------------------------


@both
def test_every_row_of_every_table_comes_back_with_its_numbers(opened, url, home, lose, make):
    with opened() as catalog:
        tell_a_story(Writer(catalog), make)
        keep_later(Writer(catalog), make, make.file("later"))
    before = rows_of(url)
    lose()

    done = rebuild(url, home)

    assert done.agrees
    assert not done.damage
    assert not done.left_out
    after = rows_of(url)
    for name in before:
        assert before[name], f"the story must have a row of {name}"
        assert after[name] == before[name], name


@both
def test_a_catalog_written_down_at_once_comes_back_as_one_written_down_all_along(
    opened, url, home, lose, make
):
    with opened() as catalog:
        tell_a_story(Writer(catalog), make)
        keep_later(Writer(catalog), make, make.file("later"))
        catalog.rewrite_journal()
    before = rows_of(url)
    lose()

    assert rebuild(url, home).agrees

    assert rows_of(url) == before


def test_signed_checkpoints_come_back_and_are_still_valid(opened, url, home, lose, make, tmp_path):
    _, public = keys.write_pair(tmp_path / "a.key", name="a.example", days=30)
    key = keys.find_signing_key(str(tmp_path / "a.key"), {})
    with opened() as catalog:
        run_over(Writer(catalog, sign=key.sign), make, make.file("a"))
    lose()

    done = rebuild(url, home)

    assert done.checkpoint.size == done.entries == 3
    assert done.checkpoint.root == done.root
    assert not public.problem(done.checkpoint)


@both
def test_a_rebuilt_catalog_goes_on_where_the_lost_one_stopped(opened, url, home, lose, make):
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"))
    lose()
    rebuild(url, home)

    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("b"))
        assert all(found.condition is Condition.FINE for found in check_journal(catalog))
    before = rows_of(url)
    lose()
    rebuild(url, home)

    assert rows_of(url) == before


@pytest.mark.postgres
def test_a_catalog_comes_back_on_the_other_database(postgres_url, sqlite_url, home, make):
    with open_catalog(postgres_url, write=True, home=home) as catalog:
        tell_a_story(Writer(catalog), make)
    before = rows_of(postgres_url)

    assert rebuild(sqlite_url, home).agrees

    after = rows_of(sqlite_url)
    for rows in (before, after):
        for row in rows["scan_file"]:  # Postgres also counts what it did not insert
            del row["id"]
    assert after == before


def test_a_rebuild_that_was_interrupted_is_made_whole(opened, url, home, lose, make, monkeypatch):
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"), make.file("b"))
    before = rows_of(url)
    lose()
    whole = Journal.batches

    def some(self):
        for read in whole(self):
            if read.number > 3:
                raise KeyboardInterrupt
            yield read

    monkeypatch.setattr(Journal, "batches", some)
    with pytest.raises(KeyboardInterrupt):
        rebuild(url, home)
    monkeypatch.undo()

    assert rebuild(url, home).agrees

    assert rows_of(url) == before


@both
def test_a_rebuild_never_writes_over_a_catalog(opened, url, home, make):
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"))
    before = rows_of(url)

    with pytest.raises(CatalogError, match="never writes over"):
        rebuild(url, home)

    assert rows_of(url) == before


def test_where_no_journal_is_a_rebuild_says_so(url, home):
    with pytest.raises(CatalogError, match=r"there is no journal in .* Cure: name the output"):
        rebuild(url, home)


def test_of_several_journals_one_must_be_chosen(url, home, tmp_path, make):
    for name in ("one", "two"):
        other = tmp_path / name / ".archivist"
        with open_catalog(str(other / "catalog.sqlite"), write=True) as catalog:
            run_over(Writer(catalog), make, make.file(name))
            instance = catalog.journal.folder.name
        shutil.copytree(other / "journal", home / "journal", dirs_exist_ok=True)

    with pytest.raises(CatalogError, match=r"2 catalogs.*--instance"):
        rebuild(url, home)

    assert rebuild(url, home, instance=instance).entries == 3


@both
def test_a_run_does_not_begin_anew_where_a_catalog_was_lost(opened, home, lose, make):
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"))
    lose()

    with pytest.raises(CatalogError, match="archivist catalog rebuild --out"):
        opened()


def test_a_journal_of_another_schema_names_the_archivist_that_reads_it(
    opened, url, home, lose, make
):
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"))
        shard = catalog.journal.shards()[0]
    lose()
    shard.write_bytes(
        shard.read_bytes().replace(b'"schema":"%s"' % tables.SCHEMA.encode(), b'"schema":"9999"')
    )

    with pytest.raises(CatalogError, match=r"schema 9999.*pip install archivist=="):
        rebuild(url, home)


# --- kills, older copies, full disks ------------------------------------------------------------


def test_an_older_copy_of_the_catalog_catches_up_from_the_journal(sqlite_url, home, make, tmp_path):
    def opened():
        return open_catalog(sqlite_url, write=True, home=home)

    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"))
    shutil.copy(tmp_path / "catalog.sqlite", tmp_path / "older")
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("b"))
    before = rows_of(sqlite_url)
    shutil.copy(tmp_path / "older", tmp_path / "catalog.sqlite")

    opened().close()

    assert rows_of(sqlite_url) == before


@pytest.mark.postgres
def test_an_older_copy_in_postgres_counts_on_where_its_journal_ends(postgres_url, home, make):
    place = make_url(postgres_url)
    server = create_engine(place.set(database="postgres"), isolation_level="AUTOCOMMIT")

    def tell(statement):
        with server.connect() as connection:
            connection.execute(text(statement.format(name=place.database)))

    def opened():
        return open_catalog(postgres_url, write=True, home=home)

    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"))
    tell('CREATE DATABASE "{name}_older" TEMPLATE "{name}"')
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("b"))
        Writer(catalog).review(make.asset("b").uid, Decision.APPROVE, by="Ada")
    tell('DROP DATABASE "{name}"')
    tell('ALTER DATABASE "{name}_older" RENAME TO "{name}"')
    server.dispose()

    with opened() as catalog:
        Writer(catalog).review(make.asset("a").uid, Decision.APPROVE, by="Ada")
        run_over(Writer(catalog), make, make.file("c"))


@both
def test_what_was_written_down_but_not_committed_is_carried_out_next_time(
    opened, url, home, make, monkeypatch
):
    """As after a kill between the two: the process can take nothing back."""
    catalog = opened()
    run_over(Writer(catalog), make, make.file("a"))
    monkeypatch.setattr(Journal, "undo", lambda self: None)
    monkeypatch.setattr("archivist.catalog.session.set_position", _die)
    with pytest.raises(KeyboardInterrupt):
        Writer(catalog).add_event("test.done")
    monkeypatch.undo()
    catalog.close()

    opened().close()

    assert [row["type"] for row in rows_of(url)["event"]][-1] == "test.done"


def _die(*args):
    raise KeyboardInterrupt


def test_what_fails_in_the_catalog_leaves_no_trace_in_the_journal(opened, make, monkeypatch):
    with opened() as catalog:
        writer = Writer(catalog)
        run_over(writer, make, make.file("a"))
        shard = catalog.journal.shards()[0]
        before = shard.read_bytes()
        monkeypatch.setattr("archivist.catalog.session.set_position", _die)

        with pytest.raises(KeyboardInterrupt):
            writer.add_event("test.done")
        monkeypatch.undo()

        assert shard.read_bytes() == before
        run_over(writer, make, make.file("b"))
        assert all(found.condition is Condition.FINE for found in check_journal(catalog))


def test_a_torn_end_is_cut_off_before_more_is_written(opened, url, home, lose, make):
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"))
        shard = catalog.journal.shards()[-1]
    with shard.open("ab") as stream:
        stream.write(b'{"rows":"event","columns":["type"')

    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("b"))
    before = rows_of(url)
    lose()

    assert not rebuild(url, home).damage
    assert rows_of(url) == before


def test_a_disk_that_is_full_stops_the_writer_and_nothing_is_recorded(
    opened, url, make, monkeypatch
):
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"))
        before = rows_of(url)
        monkeypatch.setattr(shards.os, "fsync", _full)

        with pytest.raises(CatalogError, match=r"No space left.*nothing was recorded.*make room"):
            Writer(catalog).add_event("test.done")
        monkeypatch.undo()

        assert rows_of(url) == before
        assert all(found.condition is Condition.FINE for found in check_journal(catalog))


def _full(handle):
    raise OSError(28, "No space left on device")


def test_a_journal_that_is_gone_is_written_anew(opened, url, home, lose, make):
    with opened() as catalog:
        tell_a_story(Writer(catalog), make)
    shutil.rmtree(home / "journal")

    opened().close()

    before = rows_of(url)
    lose()
    assert rebuild(url, home).agrees
    assert rows_of(url) == before


@both
def test_a_catalog_of_an_older_schema_gets_its_journal_when_it_is_upgraded(
    opened, url, home, lose, make
):
    from alembic import command

    with open_catalog(url, write=True) as catalog:
        run_over(Writer(catalog), make, make.file("a"))
        with catalog.engine.connect() as connection:
            command.downgrade(migrate._config(connection), "0007")
            connection.commit()

    opened().close()

    before = rows_of(url)
    lose()
    assert rebuild(url, home).entries == 3
    assert rows_of(url) == before


def test_a_catalog_goes_on_while_the_place_of_its_journal_is_away(opened, url, home, make, caplog):
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"))
    home.rename(home.with_name("unplugged"))
    with open_catalog(url, write=True) as catalog:
        assert catalog.journal is None
        run_over(Writer(catalog), make, make.file("b"))
    home.with_name("unplugged").rename(home)

    with opened() as catalog:
        assert all(found.condition is Condition.FINE for found in check_journal(catalog))

    assert "is away" in caplog.text
    assert "written anew" in caplog.text


# --- damage -------------------------------------------------------------------------------------


@pytest.fixture
def two_runs(opened, make):
    """Give the only shard of a catalog with two runs."""
    with opened() as catalog:
        run_over(Writer(catalog), make, make.file("a"))
        run_over(Writer(catalog), make, make.file("b"))
        return catalog.journal.shards()[0]


def line_with(shard, part):
    """Return the number of the first line that holds a text, from 1."""
    lines = shard.read_bytes().split(b"\n")
    return next(n for n, line in enumerate(lines, 1) if part in line)


def alter(shard, number, change):
    lines = shard.read_bytes().split(b"\n")
    lines[number - 1 : number] = change(lines[number - 1])
    shard.write_bytes(b"\n".join(lines))


def test_a_damaged_line_is_named_and_all_others_come_back(two_runs, url, home, lose):
    before = rows_of(url)
    lose()
    number = line_with(two_runs, b'{"entry":1,')
    alter(two_runs, number, lambda line: [line.replace(b'"operator":"Ada"', b'"operator":"Eve"')])

    done = rebuild(url, home)

    assert [one.where for one in done.damage] == [f"000001.jsonl, line {number}"]
    assert not done.agrees
    after = rows_of(url)
    assert [row["position"] for row in after["ledger"]] == [0, 2, 3, 4, 5]
    del before["ledger"][1], before["step"][1], before["step_input"][1]
    del before["step_weights"][1], before["artifact"][1]
    assert after == before


@both
def test_what_leans_on_a_lost_line_is_left_out_and_named(two_runs, url, home, lose):
    lose()
    number = line_with(two_runs, b'{"rows":"asset",')
    alter(two_runs, number, lambda line: [b"garbage \xff" + line])

    done = rebuild(url, home)

    assert any("entry 0" in one and "not in the catalog" in one for one in done.left_out)
    assert [row["position"] for row in rows_of(url)["ledger"]] == [2, 3, 4, 5]


def test_a_lost_shard_is_noticed(opened, url, home, lose, make, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 2000)
    with opened() as catalog:
        for name in "abc":
            run_over(Writer(catalog), make, make.file(name))
        files = catalog.journal.shards()
    assert len(files) > 4
    lose()
    files[2].unlink()

    done = rebuild(url, home)

    assert "what was between is missing" in done.damage[0].what
    assert files[3].name in done.damage[0].where
    assert not done.agrees


def condition_of(url, home):
    with open_catalog(url, write=False) as catalog:
        return [
            (found.name, found.condition)
            for found in check_journal(catalog, home)
            if found.condition is not Condition.FINE
        ]


def test_verify_finds_nothing_in_a_journal_that_is_as_it_was_written(two_runs, url, home):
    assert condition_of(url, home) == []


def test_verify_names_a_line_that_was_changed(two_runs, url, home):
    number = line_with(two_runs, b'"rows":"event"')
    alter(two_runs, number, lambda line: [line.replace(b"run.done", b"run.gone")])

    assert condition_of(url, home) == [(f"000001.jsonl, line {number}", Condition.CHANGED)]


def test_verify_names_a_line_that_was_taken_out_and_the_entry_with_it(two_runs, url, home):
    alter(two_runs, line_with(two_runs, b'{"entry":4,'), lambda line: [])

    assert condition_of(url, home) == [
        ("000001.jsonl", Condition.CHANGED),
        ("entry 4", Condition.MISSING),
    ]


def test_verify_notices_a_journal_that_was_rewritten_with_all_its_sums(
    two_runs, url, home, monkeypatch
):
    """Who knows how, can make it agree with itself; the ledger of the catalog still differs."""
    whole = Journal(two_runs.parent)
    kept = [list(read.lines) for read in whole.batches()]
    shutil.rmtree(two_runs.parent)
    forged = Journal(two_runs.parent, schema=tables.SCHEMA)
    forged.open()
    for lines in kept:
        forged.append(
            [
                line.replace(b'"decision"', b'"decided"').replace(
                    b"scratch.repair", b"scratch.forged"
                )
                for line in lines
            ]
        )

    names = [name for name, _ in condition_of(url, home)]

    assert "entry 1 (step 2)" in names
    assert any(name.startswith("batch") for name in names)


def test_verify_tells_that_the_catalog_is_behind(sqlite_url, home, make, tmp_path):
    with open_catalog(sqlite_url, write=True, home=home) as catalog:
        run_over(Writer(catalog), make, make.file("a"))
    shutil.copy(tmp_path / "catalog.sqlite", tmp_path / "older")
    with open_catalog(sqlite_url, write=True, home=home) as catalog:
        last = Writer(catalog)
        last.add_event("test.done")
        number = catalog.journal.tip.batch
    shutil.copy(tmp_path / "older", tmp_path / "catalog.sqlite")

    assert condition_of(sqlite_url, home) == [(f"batch {number}", Condition.ADDED)]


def test_verify_tells_that_the_journal_is_not_there(two_runs, url, home):
    shutil.rmtree(two_runs.parent)

    assert condition_of(url, home) == [(str(two_runs.parent), Condition.MISSING)]


# --- form ---------------------------------------------------------------------------------------


def test_the_facts_of_an_entry_are_the_text_that_its_digest_is_of(two_runs):
    import hashlib

    for line in two_runs.read_bytes().splitlines():
        if line.startswith(b'{"entry":'):
            _, _, facts = line.partition(b'"facts":')
            assert hashlib.sha256(facts[:-1]).hexdigest() == json.loads(line)["digest"]


def test_a_new_shard_begins_when_one_is_full(opened, make, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 2000)

    with opened() as catalog:
        for name in "ab":
            run_over(Writer(catalog), make, make.file(name))
        files = catalog.journal.shards()

    assert [file.name for file in files[:2]] == ["000001.jsonl", "000002.jsonl"]
    heads = [json.loads(file.read_bytes().split(b"\n")[0]) for file in files]
    assert [head["shard"] for head in heads] == list(range(1, len(files) + 1))


def test_the_journal_stays_inside_the_output_folder_when_that_is_moved(home, make):
    with open_catalog(str(home / "catalog.sqlite"), write=True) as catalog:
        run_over(Writer(catalog), make, make.file("a"))
    moved = home.parent.rename(home.parent.with_name("moved")) / ".archivist"

    with open_catalog(str(moved / "catalog.sqlite"), write=True) as catalog:
        assert catalog.journal.folder.is_relative_to(moved)
        assert all(found.condition is Condition.FINE for found in check_journal(catalog))


def test_rows_are_written_where_the_journal_takes_note():
    """What goes past the functions of ``bulk`` would not come back."""
    named = {
        "bulk": "it tells the journal",
        "head": "who writes, and how far this very catalog is in its journal",
        "session": "the head of this catalog",
        "joining": "where this catalog is in its journal",
        "records": "a statement that the journal knows by name",
        "outcomes": "a statement that the journal knows by name",
        "scans": "which scan saw an unchanged file last: a whole scan is noted at once",
    }
    folder = Path(catalog_package.__file__).parent
    writing = re.compile(r"^from sqlalchemy import .*?\b(insert|update|delete)\b", re.M)
    found = {file.stem for file in folder.rglob("*.py") if writing.search(flat(file))}
    assert found <= set(named)
    assert "bulk" in found


def flat(file):
    """Return the text of a module with each import on one line."""
    return re.sub(r"\(\n([^)]*)\)", lambda found: found[1].replace("\n", " "), file.read_text())
