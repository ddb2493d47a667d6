"""Where results stand, and what rights and withdrawals leave in the catalog, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from archivist.catalog import ledger, queries
from archivist.catalog.rows import Decision
from archivist.catalog.session import open_catalog
from archivist.catalog.standing import State, newest_reviews, person
from archivist.catalog.writer import Writer
from archivist.config import ReviewSettings
from archivist.model import Action
from archivist.report.verify import Condition
from archivist.report.verify_ledger import check_ledger


@pytest.fixture
def published(writer, planned, make):
    """Return a function that publishes a file anew; the result depends on ``version``."""

    def publish(name: str, version: int = 1, operator: str = "Ada") -> str:
        file = make.file(name)
        run = writer.start_run(command="run", recipe=make.recipe, operator=operator)
        writer.add_scan(run, [file])
        writer.store_plan(run, make.recipe, [make.unit(file)])
        item = make.publication(file, output_digest=make.digest(f"{name} {version}"))
        writer.record(run, [replace(make.outcome(file), publications=(item,))])
        return file.digest

    return publish


def state(catalog, uid, **policy):
    return queries.standings(catalog, [uid], ReviewSettings(**policy))[uid].state


def test_a_result_that_nobody_reviewed_is_open(catalog, published):
    uid = published("a")

    assert state(catalog, uid) is State.OPEN
    assert queries.pinned(catalog, [uid]) == {}


def test_a_review_names_the_files_in_place(catalog, writer, published, make):
    uid = published("a")
    writer.review(uid, Decision.APPROVE, by="Bo")

    (review,) = queries.all_reviews(catalog, [uid])[uid]
    assert review.results == (make.digest("a 1"),)


def test_a_result_that_replaced_an_approved_one_is_open_again(catalog, writer, published):
    uid = published("a")
    writer.review(uid, Decision.APPROVE, by="Bo")
    published("a", version=2)

    assert state(catalog, uid) is State.OPEN
    assert queries.pinned(catalog, [uid]) == {}


def test_a_report_does_not_tell_of_an_approval_of_an_earlier_result(catalog, writer, published):
    uid = published("a")
    writer.review(uid, Decision.APPROVE, by="Bo")
    (before,) = queries.report_rows(catalog, assets=[uid])
    published("a", version=2)
    (after,) = queries.report_rows(catalog, assets=[uid])

    assert before.approval is not None
    assert after.approval is None


def test_an_approval_holds_again_when_the_approved_file_is_back(catalog, writer, published):
    uid = published("a")
    writer.review(uid, Decision.APPROVE, by="Bo")
    published("a", version=2)
    published("a", version=1)

    assert state(catalog, uid) is State.APPROVED


def test_several_approvals_count_by_person(catalog, writer, published):
    uid = published("a")
    for name in ("Bo", "BO", "b\u200do"):
        writer.review(uid, Decision.APPROVE, by=name)
    assert state(catalog, uid, approvals=2) is State.AWAITING

    writer.review(uid, Decision.APPROVE, by="Cy")

    assert state(catalog, uid, approvals=2) is State.APPROVED
    assert list(queries.pinned(catalog, [uid], ReviewSettings(approvals=2))) == [uid]


def test_a_rejection_takes_earlier_approvals_away_and_a_note_does_not(catalog, writer, published):
    uid = published("a")
    writer.review(uid, Decision.APPROVE, by="Bo")
    writer.review(uid, Decision.NOTE, by="Cy", reason="fine grain")
    assert state(catalog, uid) is State.APPROVED

    writer.review(uid, Decision.REJECT, by="Cy", reason="halo")

    assert state(catalog, uid) is State.REJECTED
    assert queries.reviews(catalog, [uid])[uid].decision is Decision.REJECT


def test_an_approval_by_the_operator_counts_only_where_it_is_allowed(catalog, writer, published):
    uid = published("a", operator="Olga")
    writer.review(uid, Decision.APPROVE, by="olga")

    assert state(catalog, uid) is State.APPROVED
    assert state(catalog, uid, by_operator=False) is State.OPEN


def test_persons_are_told_apart_by_what_can_be_seen():
    assert person(" Zo\u0308e  BELL\u200b") == person("Z\u00f6e Bell")
    assert person("Zoe Bell") != person("Z\u00f6e Bell")


def test_reviews_are_found_newest_first_by_person_and_decision(catalog, writer, published):
    one, other = published("a"), published("b")
    writer.review(one, Decision.APPROVE, by="Bo")
    writer.review(other, Decision.NOTE, by="Cy", reason="x")

    assert [r.asset for r in newest_reviews(catalog)] == [other, one]
    assert [r.asset for r in newest_reviews(catalog, by="bo")] == [one]
    assert [r.asset for r in newest_reviews(catalog, decision="note")] == [other]
    assert [r.asset for r in newest_reviews(catalog, assets=[one])] == [one]


def test_params_for_another_try_come_back_as_they_were(catalog, writer, published):
    uid, redo = published("a"), {"scratch.detect": {"threshold": 0.25, "size": "full"}}
    writer.review(uid, Decision.REJECT, by="Bo", reason="missed", redo=redo)

    assert queries.reviews(catalog, [uid])[uid].redo == redo
    assert faults(catalog) == []


def faults(catalog):
    fine = (Condition.FINE, Condition.UNSIGNED, Condition.NOT_CHECKED)
    return [finding for finding in check_ledger(catalog, {}) if finding.condition not in fine]


# --- rights and withdrawals -----------------------------------------------------------------


@pytest.fixture
def scanned(writer, make):
    run = writer.start_run(command="run")
    writer.add_scan(run, [make.file("a"), make.file("b")])
    return run


def told(catalog, kind):
    return [
        (row.asset, row.detail["act"], row.detail["reason"])
        for row in queries.events(catalog, type=kind)[::-1]
    ]


def test_a_denial_is_told_once_and_again_when_it_changes(catalog, writer, scanned, make):
    uid = make.asset("a").uid
    assert writer.note_denials(scanned, {uid: {"colour": "closed"}}) == 1
    assert writer.note_denials(scanned, {uid: {"colour": "closed"}}) == 0
    assert writer.note_denials(scanned, {uid: {"colour": "more closed"}}) == 1

    assert told(catalog, "rights.denied") == [
        (uid, "colour", "closed"),
        (uid, "colour", "more closed"),
    ]


def test_what_is_allowed_again_is_told_once(catalog, writer, scanned, make):
    one, other = make.asset("a").uid, make.asset("b").uid
    writer.note_denials(scanned, {one: {"colour": "closed"}, other: {}})

    assert writer.note_denials(scanned, {one: {}, other: {}}) == 1
    assert writer.note_denials(scanned, {one: {}, other: {}}) == 0
    assert writer.note_denials(scanned, {one: {"colour": "closed"}}) == 1
    assert told(catalog, "rights.allowed") == [(one, "colour", "closed")]


def test_the_newest_decision_about_a_reference_is_in_force(catalog, writer, scanned, make):
    uid = make.asset("a").uid
    writer.withdraw_references([uid], by="Bo", reason="asked")
    (one,) = queries.withdrawals(catalog).values()
    assert (one.asset, one.by, one.reason) == (uid, "Bo", "asked")

    writer.withdraw_references([uid], by="Cy", reason="", again=True)

    assert queries.withdrawals(catalog) == {}


def test_decisions_enter_the_ledger_and_one_that_is_edited_is_found(catalog, writer, scanned, make):
    writer.withdraw_references([make.asset("a").uid], by="Bo", reason="asked")
    writer.note_denials(scanned, {make.asset("b").uid: {"colour": "closed"}})
    writer.add_event("scan.something", run=scanned)
    writer.checkpoint()
    assert [entry.kind for entry in ledger.entries(catalog)] == ["event", "event"]
    assert faults(catalog) == []

    with catalog.engine.begin() as connection:
        connection.execute(text("UPDATE event SET actor = 'Mallory' WHERE actor = 'Bo'"))

    assert [str(finding.condition) for finding in faults(catalog)] == ["changed"]


def test_a_decision_that_was_slipped_in_is_found(catalog, writer, scanned, make):
    writer.withdraw_references([make.asset("a").uid], by="Bo", reason="asked")
    with catalog.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO event (id, type, at, asset_id, detail, actor) "
                "SELECT id + 1, 'reference.restored', at, asset_id, detail, 'Mallory' FROM event"
            )
        )

    assert list(ledger.not_entered(catalog)) == [("event", 2)]


def test_a_photograph_whose_rights_forbid_all_ends_as_skipped_once(catalog, writer, make):
    file = make.file("a")
    unit = make.unit(file)
    (page,) = unit.files[0].pages
    tasks = tuple(replace(t, action=Action.DENIED, reason="closed") for t in page.tasks)
    denied = replace(unit, files=(replace(unit.files[0], pages=(replace(page, tasks=tasks),)),))
    runs = []
    for _ in range(2):
        runs.append(writer.start_run(command="run", recipe=make.recipe))
        writer.add_scan(runs[-1], [file])
        writer.store_plan(runs[-1], make.recipe, [denied])

    outcome = queries.last_outcomes(catalog, [file.digest])[file.digest]
    assert (outcome.status, outcome.code, outcome.message) == ("skipped", "rights", "closed")
    assert outcome.run == runs[0]
    assert [row.count for row in queries.run_counts(catalog, runs[0])] == [1]
    assert queries.run_counts(catalog, runs[1]) == ()


def test_reviews_of_an_older_catalog_hold_for_the_photograph(catalog, writer, published, make):
    from alembic import command

    from archivist.catalog import migrate

    uid = published("a")
    writer.review(uid, Decision.APPROVE, by="Bo", results=[])
    with catalog.engine.connect() as connection:
        command.downgrade(migrate._config(connection), "0004")
        connection.commit()
    url = catalog.url.render_as_string(hide_password=False)
    catalog.close()

    with open_catalog(url, write=True) as upgraded:
        assert state(upgraded, uid) is State.APPROVED
        assert faults(upgraded) == []
        Writer(upgraded).review(uid, Decision.REJECT, by="Bo", reason="x")
        assert state(upgraded, uid) is State.REJECTED
