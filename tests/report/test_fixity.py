"""Verify within a budget: oldest first, recorded, gone on with."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from archivist.catalog import fixity
from archivist.catalog.fixity import Check
from archivist.cli.exits import Exit
from archivist.hashing import digest_bytes
from archivist.model import now
from archivist.report.verify import Condition, Places, Subject
from archivist.report.verify_budget import Budget, Request, verify_within
from archivist.step.record import record_digest


@pytest.fixture
def names(archive):
    names = [f"{n}.tif" for n in range(6)]
    for name in names:
        archive.put(name)
    return names


@pytest.fixture
def look(archive):
    """Verify within a budget; return what was read, in order, and the other findings."""
    places = Places(scans=archive.scans, out=archive.out, store=archive.store.root, threads=1)
    run = archive.writer.start_run(command="verify")

    def verify(since=None, places=places, **budget):
        read, rest = [], []
        request = Request(places=places, budget=Budget(**budget), since=since or now())
        for one in verify_within(
            archive.catalog, request, lambda checks: archive.writer.add_checks(run, checks)
        ):
            known = one.condition is not Condition.NOT_CHECKED and "not looked" not in one.detail
            (read if known else rest).append(one)
        return read, [one for one in rest if one.subject is not Subject.WEIGHTS]

    return verify


def test_a_budget_of_bytes_is_kept_and_the_next_goes_on_with_the_rest(names, look):
    since = now()
    seen = []
    while (found := look(since, size=40))[0]:
        assert len(found[0]) < 10
        seen += [(one.subject, one.name) for one in found[0]]

    assert len(seen) == len(set(seen)) == 18
    assert found[1] == []


def test_a_budget_of_time_is_kept(names, look):
    clock = iter(range(100))

    read, rest = look(seconds=5, clock=lambda: float(next(clock)))

    assert len(read) == 5
    assert {one.condition for one in rest} == {Condition.NOT_CHECKED}


def test_what_was_checked_longest_ago_comes_first(archive, names, look):
    run = archive.writer.start_run(command="verify")
    days = {"3.tif": 50, "5.tif": 40, "1.tif": 30}
    digests = {
        one.name: one.digest for one in fixity.due(archive.catalog, "original", before=now())
    }
    for name in names:
        check = Check(
            subject="original",
            name=name,
            digest=digests[name],
            outcome="fine",
            detail="",
            at=now() - timedelta(days=days.get(name, 1)),
            seconds=0.0,
        )
        archive.writer.add_checks(run, [check])

    places = Places(scans=archive.scans, out=None, store=None, threads=1)
    read, _ = look(places=places)
    assert [one.name for one in read][:3] == ["3.tif", "5.tif", "1.tif"]


def test_what_was_checked_within_the_time_is_not_due(names, look):
    look()

    assert look(since=now() - timedelta(hours=1)) == ([], [])


def test_a_scan_of_another_content_counts_as_never_checked(archive, names, look):
    since = now()
    look(since)
    (asset,) = archive.file("0.tif").assets
    digest = digest_bytes(b"scanned anew")
    new = replace(asset, digest=digest)
    file = replace(archive.file("0.tif"), digest=digest, assets=(new,))
    archive.writer.add_scan(archive.writer.start_run(command="scan"), [file])

    read, _ = look(since)

    assert ("original", "0.tif") in {(one.subject, one.name) for one in read}


def test_known_damage_is_told_until_it_is_looked_at_again(archive, names, look):
    whole = (archive.scans / "2.tif").read_bytes()
    (archive.scans / "2.tif").write_bytes(b"damaged")
    since = now()
    look(since)

    for _ in range(2):  # it is due at any time, for it may have been mended
        read, rest = look(since)
        assert [(one.name, one.condition) for one in read] == [("2.tif", Condition.CHANGED)]
        assert rest == []
    (archive.scans / "2.tif").write_bytes(whole)
    assert [(one.name, one.condition) for one in look(since)[0]] == [("2.tif", Condition.FINE)]
    assert look(since) == ([], [])


def test_a_folder_that_is_away_is_not_checked_and_no_check_is_recorded(archive, names, look):
    moved = archive.scans.with_name("elsewhere")
    archive.scans.rename(moved)
    since = now()

    _, rest = look(since)

    (finding,) = rest
    assert (finding.subject, finding.name) == (Subject.ORIGINAL, "6 of 6")
    assert "--scans" in finding.detail
    assert fixity.state(archive.catalog, "original", before=since).never == 6


def test_what_was_read_before_a_kill_stays_recorded(archive, names):
    places = Places(scans=archive.scans, out=archive.out, store=archive.store.root, threads=1)
    run = archive.writer.start_run(command="verify")
    since = now()
    request = Request(places=places, budget=Budget(), since=since)
    found = verify_within(
        archive.catalog, request, lambda checks: archive.writer.add_checks(run, checks)
    )
    for _ in range(4):
        next(found)
    found.close()

    states = [fixity.state(archive.catalog, one, before=since) for one in fixity.FILES[:3]]
    assert sum(one.total - one.due for one in states) == 4


def test_the_command_goes_on_until_all_is_checked_and_ends_with_0_only_then(archive, command):
    archive.put("a.tif")
    archive.catalog.close()
    arguments = ("verify", "--budget", "1B", "--due", "30d", "--json")
    codes = []
    for _ in range(20):
        codes.append(command(*arguments).code)
        if codes[-1] == Exit.FINE:
            break

    # The weights that the record names are not on this machine, and stay not checked.
    states = json.loads(command("verify", "--summary", "--due", "30d", "--json").out)
    assert [one["due"] for one in states] == [0, 0, 0]
    assert command("verify", "--summary", "--due", "30d").code == Exit.FINE
    assert Exit.SOME_FAILED in codes


def test_a_summary_of_paths_counts_what_lies_there_once(archive, command):
    for name in ("album/a.tif", "album/b.tif", "album-2/c.tif"):
        archive.put(name)
    folder, file = archive.scans / "album", archive.out / "album-2" / "c.tif"

    code, out, _ = command("verify", "--summary", "--json", *map(str, (folder, folder / "a.tif")))
    assert (code, [(one["subject"], one["total"]) for one in json.loads(out)]) == (
        Exit.SOME_FAILED,
        [("original", 2)],
    )
    states = json.loads(command("verify", "--summary", "--json", str(folder), str(file)).out)
    assert [(one["subject"], one["total"]) for one in states] == [("original", 2), ("output", 1)]
    assert command("verify", "--summary", str(folder / "x.tif")).code == Exit.USAGE


def test_a_summary_records_nothing_and_says_so(archive, command):
    archive.put("a.tif")
    code, _, err = command("verify", "--summary", "--budget", "1h")
    assert (code, "--summary reads nothing" in err) == (Exit.USAGE, True)


def test_files_are_counted_also_where_one_line_tells_of_many(archive, names, command):
    archive.catalog.close()

    lines = command("verify", "--budget", "1B", "--json").out.splitlines()

    counts = json.loads(lines[-1])["counts"]
    assert {name: sum(counts[name].values()) for name in ("original", "output")} == {
        "original": 6,
        "output": 6,
    }


@pytest.mark.parametrize("budget", ["", "30", "min", "0min", "-3h", "3parsecs", "1e9GiB", "nan s"])
def test_a_budget_of_nonsense_names_the_forms(archive, command, budget):
    answer = command("verify", f"--budget={budget}")

    assert answer.code == Exit.USAGE
    assert "30min" in answer.err
    assert "20GiB" in answer.err


def test_a_time_is_no_number_of_bytes_for_due(archive, command):
    assert command("verify", "--due", "20GiB").code == Exit.USAGE


def test_records_are_checked_as_a_whole_and_so_recorded(archive, names):
    from archivist.report.verify import check_records

    run = archive.writer.start_run(command="verify")
    since = now()
    request = Request(
        places=Places(scans=archive.scans, out=archive.out, store=archive.store.root),
        budget=Budget(),
        since=since,
        whole={(Subject.RECORD, "all"): lambda: check_records(archive.catalog, record_digest)},
    )
    keep = lambda checks: archive.writer.add_checks(run, checks)  # noqa: E731

    found = list(verify_within(archive.catalog, request, keep))

    assert sum(one.subject is Subject.RECORD for one in found) == 6
    assert fixity.last_checks(archive.catalog, "record", ["all"])["all"].outcome == "fine"
