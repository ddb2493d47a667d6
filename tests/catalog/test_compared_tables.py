"""Rows that were changed behind archivist's back in tables of which the ledger has no leaf."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from archivist.catalog.rows import Decision
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.model import Refusal
from archivist.report.verify import Condition
from archivist.report.verify_tables import check_tables, mirror_of
from archivist.step.record import sealed


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "out" / ".archivist"
    folder.mkdir(parents=True)
    return folder


def outcome(make, file):
    """Return the outcome of a file whose records have the digests of what they say."""
    made = make.outcome(file)
    assets = (replace(one, records=tuple(map(sealed, one.records))) for one in made.assets)
    return replace(made, assets=tuple(assets))


@pytest.fixture
def catalog(url, home, make):
    """Give a catalog, with its journal, of a run over two files and of what people said."""
    with open_catalog(url, write=True, home=home) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(command="run", operator="Olga", recipe=make.recipe)
        files = [make.file("a"), make.file("b", pages=2)]
        writer.add_scan(run, [*files, Refusal(path="bad.jpg", code="cut", reason="ends early")])
        writer.store_plan(run, make.recipe, [make.unit(file) for file in files])
        writer.record(run, [outcome(make, file) for file in files])
        writer.finish_run(run)
        writer.review(make.asset("a").uid, Decision.APPROVE, by="Ada")
        yield catalog


@pytest.fixture
def tamper(catalog):
    """Give a function that changes the catalog by raw SQL."""

    def change(statement):
        with catalog.engine.begin() as connection:
            if catalog.backend == "sqlite":
                connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            connection.execute(text(statement))

    return change


def found(catalog):
    """Return what is not fine, as [(name, condition, detail)]."""
    everything = list(check_tables(mirror_of(catalog, None)))
    assert everything
    return [
        (one.name, one.condition, one.detail)
        for one in everything
        if one.condition is not Condition.FINE
    ]


def test_an_untouched_catalog_holds_what_its_journal_says(catalog):
    assert found(catalog) == []


def test_an_edited_row_is_named_with_both_values(catalog, tamper):
    tamper("UPDATE run SET operator = 'Mallory' WHERE id = 1")

    ((name, condition, detail),) = found(catalog)

    assert (name, condition) == ("run: id 1", Condition.CHANGED)
    assert detail.startswith("operator is 'Mallory', in the journal 'Olga'. Cure: move the catalog")


def test_a_deleted_row_is_named(catalog, tamper):
    tamper("DELETE FROM refusal WHERE path = 'bad.jpg'")

    ((name, condition, _),) = found(catalog)

    assert name.startswith("refusal: ")
    assert condition is Condition.MISSING


def test_a_row_that_was_put_in_is_named(catalog, tamper):
    tamper(
        "INSERT INTO run_counter (run_id, scope, status, count, seconds) "
        "VALUES (1, 'scratch.detect', 'forged', 7, 0)"
    )

    assert [(name, condition) for name, condition, _ in found(catalog)] == [
        ("run_counter: run_id 1, scope scratch.detect, status forged", Condition.ADDED)
    ]


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE asset_outcome SET status = 'skipped' WHERE asset_id = 1", "asset_outcome"),
        ("UPDATE artifact SET kept = 0 WHERE step_id = 1", "artifact"),
        ("DELETE FROM plan_task WHERE ordinal = 1", "plan_task"),
        ("UPDATE event SET actor = 'Mallory' WHERE type = 'review.approve'", "event"),
        ("UPDATE scan_file SET mtime_ns = 6 WHERE path = 'a.jpg'", "scan_file"),
    ],
)
def test_each_kind_of_table_is_compared(catalog, tamper, statement, table):
    tamper(statement)

    assert {name.partition(":")[0] for name, _, _ in found(catalog)} == {table}


def test_a_damaged_journal_leaves_tables_not_checked_not_fine(catalog):
    shard = catalog.journal.shards()[0]
    shard.write_bytes(shard.read_bytes().replace(b'"Olga"', b'"Ilga"'))

    conditions = {condition for _, condition, _ in found(catalog)}

    assert conditions == {Condition.NOT_CHECKED}


def test_a_catalog_that_goes_on_between_two_tables_is_still_compared(catalog, make):
    mirror, seen = mirror_of(catalog, None), []
    for finding in check_tables(mirror):
        seen.append(finding.condition)
        if len(seen) == 3:
            Writer(catalog).review(make.asset("b", pages=2).uid, Decision.NOTE, by="Bo", reason="x")

    assert set(seen) == {Condition.FINE}


def test_numbers_that_the_database_left_out_are_no_difference(catalog, make):
    if catalog.backend == "sqlite":
        gap = "UPDATE scan_file SET id = id + 30"
    else:
        gap = "SELECT setval(pg_get_serial_sequence('scan_file', 'id'), 40)"
    with catalog.engine.begin() as connection:
        connection.execute(text(gap))
    writer = Writer(catalog)
    writer.add_scan(writer.start_run(command="scan"), [make.file("c")])

    assert found(catalog) == []
