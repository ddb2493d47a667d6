"""Records enter the ledger, and runs end with a checkpoint over it, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from archivist.catalog import ledger, migrate, queries, tables
from archivist.catalog.engine import IMMEDIATE
from archivist.catalog.rows import Decision, RunState
from archivist.catalog.writer import Writer
from archivist.ledger.merkle import Tree


def tree_of(catalog) -> Tree:
    return Tree(bytes.fromhex(entry.digest) for entry in ledger.entries(catalog))


@pytest.fixture
def recorded(writer, planned, make):
    """Give a function that records a run over files and ends it; it returns the run."""

    def record(*names, by=writer):
        files = [make.file(name) for name in names]
        run = planned(*files)
        by.record(run, [make.outcome(file) for file in files])
        by.finish_run(run)
        return run

    return record


def test_each_record_enters_with_its_digest_in_the_order_of_recording(catalog, recorded, make):
    recorded("a", "b")
    found = list(ledger.entries(catalog))
    steps = [entry for entry in found if entry.kind == ledger.STEP]
    assert [entry.position for entry in found] == list(range(6))
    assert [entry.digest for entry in steps] == [r.digest for r in queries.all_records(catalog)]
    assert [entry.kind for entry in found[4:]] == [ledger.PUBLICATION] * 2


def test_every_entry_has_the_digest_that_its_record_has_when_it_is_read(
    catalog, writer, recorded, make
):
    recorded("a", "b")
    writer.review(make.asset("a").uid, Decision.APPROVE, by="Ada", reason="good", records=[])
    writer.review(make.asset("b").uid, Decision.REJECT, by="Bo", reason="bad \udcff")
    found = list(ledger.entries(catalog))
    now = ledger.digests_now(catalog, found)
    assert len(found) == 8
    assert {(entry.kind, entry.row): entry.digest for entry in found} == now
    assert list(ledger.not_entered(catalog)) == []


def test_a_run_ends_with_a_checkpoint_over_all_entries(catalog, recorded):
    first = recorded("a")
    second = recorded("b")
    found, tree = ledger.checkpoints(catalog), tree_of(catalog)
    assert [(one.run, one.size) for one in found] == [(first, 3), (second, 6)]
    assert [one.root for one in found] == [tree.root(3).hex(), tree.root(6).hex()]


def test_a_run_that_recorded_nothing_leaves_no_checkpoint(catalog, writer, recorded, make):
    recorded("a")
    writer.finish_run(writer.start_run(command="plan"))
    assert len(ledger.checkpoints(catalog)) == 1


def test_a_failed_run_ends_with_a_checkpoint_too(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)
    writer.record(run, [make.outcome(file)])
    writer.finish_run(run, RunState.FAILED)
    assert [one.run for one in ledger.checkpoints(catalog)] == [run]


def test_what_is_unsigned_is_signed_as_soon_as_there_is_a_key(catalog, recorded):
    recorded("a")
    signing = Writer(catalog, sign=lambda one: replace(one, key_name="k", signature="AAAAAAAA"))
    made = signing.checkpoint()
    assert (made.key_id, signing.checkpoint()) == ("00000000", None)
    assert [one.signature for one in ledger.checkpoints(catalog)] == ["", "AAAAAAAA"]


def test_a_damaged_frontier_is_not_gone_on_from(catalog, writer, recorded):
    recorded("a")
    with catalog.engine.begin() as connection:
        connection.execute(tables.checkpoint.update().values(frontier=("00" * 32, "11" * 32)))
    recorded("b")
    assert ledger.checkpoints(catalog)[-1].root == tree_of(catalog).root().hex()


def test_only_new_entries_are_read_for_a_checkpoint(catalog, recorded, monkeypatch):
    recorded("a")
    read = []
    whole = ledger._entries
    monkeypatch.setattr(
        ledger, "_entries", lambda *a, after: read.append(after) or whole(*a, after=after)
    )
    recorded("b")
    assert read == [2]


def test_what_a_failed_transaction_entered_is_not_there(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)
    broken = replace(make.outcome(file), assets=(*make.outcome(file).assets,) * 2)
    records = tuple(replace(r, digest="x") for r in make.outcome(file).assets[0].records)
    broken = replace(broken, assets=(replace(broken.assets[0], records=records),))
    with pytest.raises(ValueError, match="hex"):
        writer.record(run, [broken])
    assert ledger.size(catalog) == 0


def test_the_history_of_an_asset_has_all_kinds(catalog, writer, recorded, make):
    recorded("a", "b")
    uid = make.asset("a").uid
    writer.review(uid, Decision.APPROVE, by="Ada")
    writer.withdraw_references([uid], by="Ada", reason="asked for")
    found = ledger.entries_of(catalog, uid)
    assert [entry.kind for entry in found] == ["step", "step", "publication", "review", "event"]


def test_an_older_catalog_enters_its_records_when_it_is_upgraded(catalog, writer, recorded, make):
    recorded("a", "b")
    writer.review(make.asset("b").uid, Decision.REJECT, by="Bo", reason="bad", results=[])
    writer.review(make.asset("a").uid, Decision.APPROVE, by="Bo", records=[], results=[])
    before = list(ledger.entries(catalog))
    with catalog.engine.begin() as connection:
        for table in ("checkpoint", "ledger"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    from alembic import command

    with catalog.engine.connect().execution_options(**{IMMEDIATE: True}) as connection:
        command.upgrade(migrate._config(connection), "0003")
        connection.commit()
    assert list(ledger.entries(catalog)) == before
