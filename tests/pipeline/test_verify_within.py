"""`archivist verify` with a budget over what a run made: records, ledger and journal included."""

from __future__ import annotations

import json

import pytest

from archivist.catalog.journal.mirror import COMPARED
from archivist.cli.exits import Exit
from archivist.cli.main import invoke


@pytest.fixture
def verify(bench, capsys):
    """Run `archivist verify`; return its exit code and its lines."""

    def run(*options):
        capsys.readouterr()
        code = invoke(["verify", "--out", str(bench.out), *options])
        return code, capsys.readouterr().out

    return run


def test_all_is_checked_once_and_then_nothing_is_due(bench, verify):
    bench.run()

    code, told = verify("--budget", "5min", "--due", "1h", "--json")

    counts = json.loads(told.splitlines()[-1])["counts"]
    assert code == Exit.FINE
    assert counts["original"] == {"fine": 4}
    assert counts["journal"] == {"fine": 1}
    assert counts["catalog table"] == {"fine": len(COMPARED)}
    assert "Nothing is due" in verify("--budget", "5min", "--due", "1h")[1]


def test_tables_that_a_budget_does_not_reach_are_not_checked(bench, verify):
    bench.run()

    code, told = verify("--budget", "1B", "--due", "1h", "--json")  # the first thing only

    findings = [json.loads(line) for line in told.splitlines()]
    tables = [one for one in findings if one.get("subject") == "catalog table"]
    assert code == Exit.SOME_FAILED
    assert {(one["name"], one["condition"]) for one in tables} == {
        (name, "not checked") for name in COMPARED
    }


def test_what_changed_since_a_fixity_check_is_found_by_the_next(bench, verify):
    bench.run()
    verify("--record")
    (bench.out / "plain.png").write_bytes(b"damaged")

    code, told = verify("--record")

    assert code == Exit.SOME_FAILED
    assert "changed      output plain.png" in told
    assert "changed      output plain.png" in verify("--budget", "1B", "--due", "1h")[1]


def test_a_run_after_a_check_with_moved_scans_still_knows_its_own(bench, verify):
    import shutil

    bench.run()
    copy = bench.scans.with_name("copy")
    shutil.copytree(bench.scans, copy)

    assert verify("--record", "--scans", str(copy))[0] == Exit.FINE
    assert bench.run().planned.summary.units == 0
