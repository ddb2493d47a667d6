"""``kill -9`` at any moment: nothing is lost, nothing is double."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from archivist.catalog import queries
from archivist.catalog.journal.rebuild import rebuild
from archivist.catalog.session import open_catalog
from archivist.model import Asset

PROGRAM = Path(__file__).with_name("crashing_writer.py")
FILES = 60
MOST_LINES = 12
"""So many lines are waited for at most, so that the files last for several kills."""


def _start(url: str, home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), url, str(FILES), str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _ends_before(url: str, home: Path, moments: random.Random) -> bool:
    """Kill the program a moment after some of its lines; return whether it had done all."""
    with _start(url, home) as process:
        for _ in range(moments.randint(1, MOST_LINES)):
            if not process.stdout.readline():
                assert process.wait() == 0, process.stderr.read().decode()
                return True
        time.sleep(moments.uniform(0, 0.01))
        process.kill()
    return False


def _contents(url: str) -> dict[str, object]:
    """Return what the catalog holds, without what differs from run to run."""
    with open_catalog(url, write=False) as catalog:
        rows = list(queries.report_rows(catalog))
        records = list(queries.all_records(catalog))
        assert all(isinstance(row.asset, Asset) for row in rows)
        names = ("asset", "scan_file", "step", "publication", "blob")
        counts = queries.info(catalog).counts
        return {
            "rows": [replace(row, run=None) for row in rows],
            "records": sorted(records, key=lambda record: (record.asset, record.ordinal)),
            "totals": queries.totals(catalog),
            "counts": {name: counts[name] for name in names},
            "events": queries.events(catalog, type="step.nondeterministic"),
        }


def test_a_run_killed_at_random_moments_ends_as_an_undisturbed_one(url, tmp_path):
    for home in (tmp_path / "a", tmp_path / "b"):
        home.mkdir()
    undisturbed = f"sqlite:///{tmp_path / 'undisturbed.sqlite'}"
    with _start(undisturbed, tmp_path / "a") as process:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
    moments = random.Random(11)
    kills = 0

    while not _ends_before(url, home, moments):
        kills += 1

    assert kills >= 3
    assert _contents(url) == _contents(undisturbed)
    assert rebuild(f"sqlite:///{tmp_path / 'rebuilt.sqlite'}", home).agrees
    assert _contents(f"sqlite:///{tmp_path / 'rebuilt.sqlite'}") == _contents(undisturbed)
