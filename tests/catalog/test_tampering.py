"""What is edited, deleted or put in behind archivist's back is found, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from archivist.catalog import ledger
from archivist.catalog.rows import Decision
from archivist.catalog.writer import Writer
from archivist.ledger import keys
from archivist.ledger.merkle import Tree
from archivist.report.verify import Condition, Subject
from archivist.report.verify_ledger import check_ledger


@pytest.fixture
def pair(tmp_path):
    """Give a signing key and the public keys that an auditor has."""
    _, key = keys.write_pair(tmp_path / "a.key", name="a.example", days=30)
    return keys.find_signing_key(str(tmp_path / "a.key"), {}), {key.id: key}


@pytest.fixture
def run(catalog, make):
    """Give a function that records a run over files; with a key its checkpoint is signed."""

    def record(*names, key=None):
        writer = Writer(catalog, sign=key.sign if key else None)
        files = [make.file(name) for name in names]
        uid = writer.start_run(command="run", recipe=make.recipe)
        writer.add_scan(uid, files)
        writer.store_plan(uid, make.recipe, [make.unit(file) for file in files])
        writer.record(uid, [make.outcome(file) for file in files])
        writer.finish_run(uid)

    return record


@pytest.fixture
def tamper(catalog):
    """Give a function that changes the catalog by raw SQL."""

    def change(*statements, **values):
        with catalog.engine.begin() as connection:
            if catalog.backend == "sqlite":  # as a tool would that does not care for references
                connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            for statement in statements:
                connection.execute(text(statement), values)

    return change


@pytest.fixture
def found(catalog):
    """Give a function that returns what is not fine, as [(subject, name, condition)]."""

    def look(known=None, **options):
        return [
            (one.subject, one.name, one.condition)
            for one in check_ledger(catalog, known or {}, **options)
            if one.condition is not Condition.FINE
        ]

    return look


UNSIGNED = (Subject.CHECKPOINT, "1 without a signature", Condition.UNSIGNED)


def test_an_empty_catalog_has_nothing_to_find(found):
    assert found() == []


def test_a_signed_ledger_is_fine(run, found, pair):
    key, known = pair
    run("a", key=key)
    run("b", key=key)
    assert found(known) == []


def test_without_a_key_the_unsigned_state_is_told_once(run, found):
    run("a")
    run("b")
    assert found() == [(Subject.CHECKPOINT, "2 without a signature", Condition.UNSIGNED)]


def test_with_a_public_key_what_nobody_signed_is_not_checked(run, found, pair):
    run("a")
    assert found(pair[1]) == [(Subject.CHECKPOINT, "1 without a signature", Condition.NOT_CHECKED)]


def test_a_later_signature_covers_what_was_unsigned(run, found, pair):
    run("a")
    run("b", key=pair[0])
    assert found(pair[1]) == []


def test_a_signature_without_its_public_key_is_not_checked(run, found, pair):
    run("a", key=pair[0])
    ((subject, _, condition),) = found()
    assert (subject, condition) == (Subject.CHECKPOINT, Condition.NOT_CHECKED)


def test_records_without_any_checkpoint_are_not_checked(run, found, tamper):
    run("a")
    tamper("DELETE FROM checkpoint")
    assert found() == [(Subject.CHECKPOINT, "3 entries", Condition.NOT_CHECKED)]


def test_what_came_after_the_newest_checkpoint_is_told(run, found, writer, make, pair):
    run("a", key=pair[0])
    writer.review(make.asset("a").uid, Decision.APPROVE, by="Ada")
    later = (Subject.CHECKPOINT, "1 entry after the newest", Condition.NOT_CHECKED)
    assert found(pair[1]) == [later]


def test_a_record_that_was_edited_with_its_digest_is_named(run, found, tamper, make):
    run("a", "b")
    tamper("UPDATE step SET seed = 1, digest = :other WHERE id = 2", other=bytes(32))
    name = "step 2 (entry 1)"
    assert found() == [(Subject.LEDGER, name, Condition.CHANGED), UNSIGNED]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("publication", "output_digest = :other"),
        ("publication", "path = 'other.jpg'"),
        ("publication", "untouched = 1"),
        ("review", "decision = 'reject'"),
        ("review", "reviewer = 'Mallory'"),
        ("review", "records = :other"),
    ],
)
def test_an_edited_publication_or_review_is_named(run, found, tamper, writer, make, table, change):
    run("a")
    writer.review(make.asset("a").uid, Decision.APPROVE, by="Ada")
    writer.checkpoint()
    options = {"other": bytes(32)} if ":other" in change else {}
    tamper(f"UPDATE {table} SET {change} WHERE id = 1", **options)
    position = 2 if table == "publication" else 3
    assert found()[:1] == [(Subject.LEDGER, f"{table} 1 (entry {position})", Condition.CHANGED)]


def test_a_deleted_record_is_named(run, found, tamper):
    run("a", "b")
    tamper("DELETE FROM publication WHERE id = 2")
    name = "publication 2 (entry 5)"
    assert found() == [(Subject.LEDGER, name, Condition.MISSING), UNSIGNED]


def test_a_record_that_was_put_in_is_named(run, found, tamper, catalog):
    run("a")
    columns = "run_id, collection_id, source, digest, profile, output_digest, size, media_type"
    tamper(
        f"INSERT INTO publication (id, path, {columns}, untouched, contract_id, at) "
        f"SELECT 9, 'forged.jpg', {columns}, untouched, contract_id, at FROM publication"
    )
    assert found() == [(Subject.LEDGER, "publication 9", Condition.ADDED), UNSIGNED]


def test_an_entry_that_was_changed_to_fit_contradicts_the_checkpoint(run, found, tamper):
    run("a")
    run("b")
    tamper(
        "UPDATE step SET digest = :other WHERE id = 3",
        "UPDATE ledger SET digest = :other WHERE kind = 'step' AND row_id = 3",
        other=bytes(32),
    )
    ((subject, name, condition), rest) = found()
    assert (subject, condition) == (Subject.CHECKPOINT, Condition.CHANGED)
    assert name.endswith("over 6 entries")
    assert rest == UNSIGNED  # that of the first run, which is as it was


def test_deleted_entries_are_named_with_what_they_covered(run, found, tamper):
    run("a", "b")
    tamper("DELETE FROM ledger WHERE position IN (1, 2)")
    assert [one[1:] for one in found()][:3] == [
        ("entries 1 to 2", Condition.MISSING),
        ("step 2", Condition.ADDED),
        ("step 3", Condition.ADDED),
    ]


def test_entries_that_were_cut_off_contradict_the_checkpoint(run, found, tamper):
    run("a", "b")
    tamper("DELETE FROM ledger WHERE position = 5", "DELETE FROM publication WHERE id = 2")
    ((subject, _, condition),) = found()
    assert (subject, condition) == (Subject.CHECKPOINT, Condition.CHANGED)


def rewrite(catalog, tamper) -> None:
    """Change a record, its entry and the checkpoint so that all agree."""
    tamper(
        "UPDATE step SET digest = :other WHERE id = 1",
        "UPDATE ledger SET digest = :other WHERE position = 0",
        other=bytes(32),
    )
    leaves = [bytes.fromhex(entry.digest) for entry in ledger.entries(catalog)]
    tamper("UPDATE checkpoint SET root = :root", root=Tree(leaves).root())


def test_history_that_was_rewritten_as_a_whole_has_no_valid_signature(
    run, found, tamper, pair, catalog
):
    run("a", key=pair[0])
    rewrite(catalog, tamper)
    ((subject, _, condition),) = found(pair[1])
    assert (subject, condition) == (Subject.CHECKPOINT, Condition.CHANGED)


def test_a_signature_that_was_taken_away_is_not_fine_for_who_has_the_key(
    run, found, tamper, pair, catalog
):
    run("a", key=pair[0])
    rewrite(catalog, tamper)
    tamper("UPDATE checkpoint SET signature = '', key_id = '', key_name = ''")
    assert found(pair[1]) == [(Subject.CHECKPOINT, "1 without a signature", Condition.NOT_CHECKED)]


def test_a_kept_checkpoint_finds_what_was_rewritten_without_keys(run, found, tamper, catalog):
    run("a")
    (kept,) = ledger.checkpoints(catalog)
    assert found(since=kept) == [UNSIGNED]
    rewrite(catalog, tamper)
    assert [one[2] for one in found(since=kept)] == [Condition.UNSIGNED, Condition.CHANGED]


def test_a_kept_checkpoint_finds_a_catalog_that_was_put_back(run, found, catalog):
    run("a")
    (kept,) = ledger.checkpoints(catalog)
    assert found(since=replace(kept, size=kept.size + 1))[-1][2] is Condition.MISSING


def test_a_kept_checkpoint_of_another_catalog_says_nothing(run, found, catalog):
    run("a")
    (kept,) = ledger.checkpoints(catalog)
    assert found(since=replace(kept, origin="archivist/x"))[-1][2] is Condition.NOT_CHECKED


@pytest.mark.parametrize("table", ["environment", "contract"])
def test_an_edited_detail_that_records_name_by_digest_is_found(run, found, tamper, table):
    run("a")
    column = "value" if table == "environment" else "kept"
    tamper(f"""UPDATE {table} SET {column} = '["forged"]'""")
    assert found() == [(Subject.LEDGER, f"{table} 1", Condition.CHANGED), UNSIGNED]
