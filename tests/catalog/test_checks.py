"""Replays, certifications and fixity checks in the catalog, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from archivist.catalog import fixity, ledger, migrate, queries
from archivist.catalog.certifications import Change, certification, certifications, in_force
from archivist.catalog.fixity import Check
from archivist.catalog.replays import Replayed, Verdict, replays_of
from archivist.catalog.session import open_catalog
from archivist.hashing import digest_json
from archivist.model import now
from archivist.report.verify import Condition
from archivist.report.verify_ledger import check_ledger

CHANGE = Change(step="scratch.detect", version=1, weights=(), new_version=2, new_weights=())
RESULTS = {"sample": 3, "counts": {"bit-identical": 3}, "tolerance": 0.0, "largest": 0.0}


@pytest.fixture
def published(catalog, writer, make):
    """A catalog with three scans and their outputs; gives their digests."""
    files = [make.file(name) for name in "abc"]
    run = writer.start_run(command="run")
    writer.add_scan(run, files)
    units = [make.unit(file) for file in files]
    writer.store_plan(run, make.recipe, units)
    writer.record(run, [make.outcome(file) for file in files])
    writer.finish_run(run)
    return [file.digest for file in files]


def bad(catalog):
    return [
        one.name
        for one in check_ledger(catalog, {})
        if one.condition in (Condition.CHANGED, Condition.MISSING, Condition.ADDED)
    ]


def test_verdicts_come_back_as_they_were_recorded(catalog, writer, published):
    run = writer.start_run(command="replay", operator="Ada")
    (item,) = [one for one in queries.publications(catalog) if one.digest == published[0]]
    told = Replayed(
        publication=1,
        source=item.source,
        path=item.path,
        profile=item.profile,
        output_digest=item.output_digest,
        verdict=Verdict.DIFFERENT,
        detail={"largest": 0.1, "mean": 1e-7, "share": 1.0, "note": "a\0b", "missing": []},
    )
    value = {"archivist": "1.0"}

    writer.add_replays(run, [told], (digest_json(value), value))

    (row,) = replays_of(catalog, [published[0]])[published[0]]
    assert row.replayed.verdict is Verdict.DIFFERENT
    assert row.replayed.detail == {**told.detail, "note": "a\u2400b"}
    assert (row.operator, row.environment) == ("Ada", value)
    assert bad(catalog) == []
    assert [one.kind for one in ledger.entries_of(catalog, published[0])][-1] == "replay"


def test_the_newest_decision_on_the_same_changes_holds(catalog, writer):
    run = writer.start_run(command="certify", operator="Ada")

    def add(**facts):
        return writer.add_certification(
            run, name="scratch", changes=[CHANGE], results=RESULTS, **facts
        )

    first = add()
    assert in_force(catalog) == ()
    add(decision="accepted", by="Ada", reason="looked")
    (held,) = in_force(catalog)
    assert (held.changes, held.reason, held.equivalent) == ((CHANGE,), "looked", True)
    add(decision="rejected", by="Bo")
    assert in_force(catalog) == ()
    assert len(certifications(catalog)) == 3
    assert certification(catalog, first).results == RESULTS
    assert bad(catalog) == []


def check(name, digest, days=0.0, outcome="fine", subject="original"):
    return Check(
        subject=subject,
        name=name,
        digest=digest,
        outcome=outcome,
        detail="",
        at=now() - timedelta(days=days),
        seconds=0.5,
    )


def test_files_are_due_in_the_order_of_their_last_check(catalog, writer, published, make):
    run = writer.start_run(command="verify")
    a, b, _ = published
    writer.add_checks(run, [check("a.jpg", a, days=1), check("b.jpg", b, days=9)])
    writer.add_checks(run, [check("b.jpg", b, days=5)])

    found = [one.name for one in fixity.due(catalog, "original", before=now())]
    late = [one.name for one in fixity.due(catalog, "original", before=now() - timedelta(days=3))]

    assert found == ["c.jpg", "b.jpg", "a.jpg"]
    assert late == ["c.jpg", "b.jpg"]


def test_many_pages_of_files_are_due_each_once(catalog, writer, published, monkeypatch):
    monkeypatch.setattr(fixity, "_PAGE", 1)

    for subject in fixity.FILES[:3]:
        names = [one.name for one in fixity.due(catalog, subject, before=now())]
        assert len(names) == len(set(names)) > 1


def test_the_state_of_checks_is_counted(catalog, writer, published):
    run = writer.start_run(command="verify")
    a, b, _ = published
    writer.add_checks(run, [check("a.jpg", a, days=40), check("b.jpg", b, outcome="changed")])

    state = fixity.state(catalog, "original", before=now() - timedelta(days=30))

    assert (state.total, state.never, state.due, state.damaged) == (3, 1, 2, 1)
    assert state.size == 3000
    assert state.oldest < state.newest
    (damage,) = fixity.damaged(catalog, "original", before=now())
    assert (damage.name, damage.outcome) == ("b.jpg", "changed")


def test_stored_files_are_known_by_their_digests(catalog, writer, published):
    run = writer.start_run(command="verify")
    blobs = list(queries.referenced_blobs(catalog))
    writer.add_checks(run, [check(blobs[0], blobs[0], subject="stored file")])

    names = [one.name for one in fixity.due(catalog, "stored file", before=now())]

    assert names[-1] == blobs[0]
    state = fixity.state(catalog, "stored file", before=now())
    assert state.total - state.never == 1


def test_a_catalog_of_the_schema_before_gets_the_tables_and_keeps_its_rows(url, make):
    from alembic import command

    with open_catalog(url, write=True) as catalog:
        from archivist.catalog.writer import Writer

        writer = Writer(catalog)
        writer.add_scan(writer.start_run(command="run"), [make.file("a")])
        with catalog.engine.connect() as connection:
            command.downgrade(migrate._config(connection), "0005")
            connection.commit()

    with open_catalog(url, write=True) as catalog:
        with catalog.reading() as connection:
            assert connection.execute(text("SELECT count(*) FROM scan_file")).scalar() == 1
        assert [one.name for one in fixity.due(catalog, "original", before=now())] == ["a.jpg"]
