"""Decisions of people that are recorded while a run holds the catalog."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import text

from archivist.api.errors import CatalogError
from archivist.catalog import engine, ledger, lock
from archivist.catalog.beside import open_to_decide
from archivist.catalog.journal.rebuild import rebuild
from archivist.catalog.journal.shards import Journal
from archivist.catalog.queries import reviews, run, runs
from archivist.catalog.rows import Decision, RunState
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.report.verify import Condition
from archivist.report.verify_journal import check_journal
from archivist.step.record import sealed


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "out" / ".archivist"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def night(url, home, make):
    """Give the writer of a run that has recorded one file of two and goes on."""
    with open_catalog(url, write=True, home=home) as catalog:
        writer = Writer(catalog)
        writer.run = writer.start_run(command="run", recipe=make.recipe)
        files = [make.file("a"), make.file("b")]
        writer.add_scan(writer.run, files)
        writer.store_plan(writer.run, make.recipe, [make.unit(file) for file in files])
        writer.record(writer.run, [outcome(make, "a")])
        yield writer


@pytest.fixture
def decide(url, home, make):
    """Give a function that approves what the run has done, beside it."""

    def say(decision=Decision.APPROVE, by="Ada"):
        with open_to_decide(url, home=home) as catalog:
            assert catalog.beside
            Writer(catalog).review(make.asset("a").uid, decision, by=by, reason="it is good")

    return say


def test_a_run_is_at_work_as_long_as_its_process_holds_the_catalog(url, home, night):
    def state():
        with open_catalog(url, write=False, home=home) as reader:
            (newest,) = runs(reader, limit=1)
            assert run(reader, newest.uid).state is newest.state
            return newest.state

    assert state() is RunState.RUNNING
    assert runs(night.catalog, limit=1)[0].state is RunState.RUNNING
    night.catalog.close()  # as the end of its process does, which records nothing
    assert state() is RunState.INTERRUPTED


def outcome(make, name):
    """Return the outcome of a file whose records have the digests of what they say."""
    made = make.outcome(make.file(name))
    assets = (replace(one, records=tuple(map(sealed, one.records))) for one in made.assets)
    return replace(made, assets=tuple(assets))


def go_on(writer, make):
    writer.record(writer.run, [outcome(make, "b")])
    writer.finish_run(writer.run)


def said(catalog, make):
    uid = make.asset("a").uid
    found = reviews(catalog, [uid]).get(uid)
    return found and (found.decision, found.reviewer)


def test_a_decision_is_recorded_between_two_transactions_of_the_writer(night, decide, make):
    decide()
    go_on(night, make)

    assert said(night.catalog, make) == (Decision.APPROVE, "Ada")
    assert [found.condition for found in check_journal(night.catalog)] == [Condition.FINE]
    positions = [entry.position for entry in ledger.entries(night.catalog)]
    assert positions == list(range(len(positions)))
    assert list(ledger.not_entered(night.catalog)) == []


def test_a_lost_catalog_comes_back_with_what_was_decided_beside_a_run(
    night, decide, make, url, home, tmp_path
):
    decide()
    go_on(night, make)
    night.catalog.close()
    again = f"sqlite:///{tmp_path / 'again.sqlite'}"

    rebuilt = rebuild(again, home)

    assert (rebuilt.damage, rebuilt.left_out, rebuilt.agrees) == ((), (), True)
    with open_catalog(again, write=False) as catalog:
        assert said(catalog, make) == (Decision.APPROVE, "Ada")


def _killed(decide, monkeypatch):
    """Decide, and be killed between journal and catalog: the process can take nothing back."""

    def die(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "undo", lambda self: None)
        patch.setattr("archivist.catalog.session.set_position", die)
        with pytest.raises(KeyboardInterrupt):
            decide()


def test_what_a_killed_reviewer_left_in_the_journal_is_cut_off_by_the_writer(
    night, decide, make, monkeypatch
):
    _killed(decide, monkeypatch)

    go_on(night, make)

    assert said(night.catalog, make) is None
    assert [found.condition for found in check_journal(night.catalog)] == [Condition.FINE]


def test_after_a_killed_reviewer_the_next_one_waits_for_the_writer(
    night, decide, make, monkeypatch
):
    _killed(decide, monkeypatch)

    with pytest.raises(CatalogError, match="does not end where the catalog is"):
        decide()

    go_on(night, make)
    decide()
    assert said(night.catalog, make) == (Decision.APPROVE, "Ada")


def test_a_writer_whose_transaction_failed_takes_back_its_own_lines_only(
    night, decide, make, monkeypatch
):
    undo = Journal.undo

    def late(journal):
        monkeypatch.undo()
        go_on(night, make)  # somebody else writes before the lines are taken back
        undo(journal)

    monkeypatch.setattr(Journal, "undo", late)
    monkeypatch.setattr(
        "archivist.catalog.session.set_position", lambda *_: (_ for _ in ()).throw(OSError("full"))
    )

    with pytest.raises(OSError, match="full"):
        decide()

    assert [found.condition for found in check_journal(night.catalog)] == [Condition.FINE]


def test_a_decision_waits_for_the_end_of_a_transaction(night, decide, make):
    inside = threading.Event()

    def busy():
        with night.catalog.writing():
            inside.set()
            time.sleep(0.3)

    worker = threading.Thread(target=busy)
    worker.start()
    inside.wait()

    decide()

    worker.join()
    assert said(night.catalog, make) == (Decision.APPROVE, "Ada")


def test_a_writer_without_a_pause_is_told_with_what_to_do(night, decide, make, monkeypatch):
    settings = [one for one in engine.WRITER_SETTINGS if "busy" not in one]
    monkeypatch.setattr(engine, "WRITER_SETTINGS", (*settings, "busy_timeout=50"))
    monkeypatch.setattr(engine, "BUSY_MS", 50)

    with (
        night.catalog.writing(),
        pytest.raises(CatalogError, match="nothing was recorded: the same again in a while"),
    ):
        decide()

    assert said(night.catalog, make) is None


def test_two_reviewers_come_in_one_after_the_other(url, home, night, decide, monkeypatch):
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.1)

    with (
        open_to_decide(url, home=home),
        pytest.raises(CatalogError, match="busy for 0 seconds with what others begin or decide"),
    ):
        decide()


def test_the_journal_is_not_written_anew_while_somebody_decides(url, home, night, monkeypatch):
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.1)

    with open_to_decide(url, home=home), pytest.raises(CatalogError, match="others begin or"):
        night.catalog.rewrite_journal()


def test_a_reviewer_who_does_not_see_the_journal_is_refused(night, decide, home, make):
    (home / "journal").rename(home / "elsewhere")

    with pytest.raises(CatalogError, match="is not to be seen from here"):
        decide()

    (home / "elsewhere").rename(home / "journal")
    assert said(night.catalog, make) is None


def test_a_reviewer_upgrades_nothing_beside_a_writer(url, night, decide):
    with night.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    with pytest.raises(CatalogError, match="archivist catalog upgrade"):
        decide()


def test_where_nobody_writes_a_decision_is_the_writers(url, home, night):
    night.catalog.close()

    with open_to_decide(url, home=home) as catalog:
        assert not catalog.beside
