"""A program for the crash test: scan, plan and record a few files, from wherever it was killed.

``python crashing_writer.py URL COUNT HOME`` behaves as a run does: what is known is not planned
again.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import conftest as factories

from archivist.api.errors import CatalogError
from archivist.catalog import queries
from archivist.catalog.session import Catalog, open_catalog
from archivist.catalog.writer import Writer
from archivist.model import UnitOutcome
from archivist.step.record import sealed

STARTED = datetime(2026, 1, 2, tzinfo=UTC)


def outcome_of(number: int) -> UnitOutcome:
    """Return what a worker sends for a file: the same whenever it is asked."""
    outcome = factories.make_outcome(factories.make_file(f"{number:03}"), started=STARTED)
    assets = tuple(
        replace(
            asset,
            records=tuple(sealed(replace(record, started=STARTED)) for record in asset.records),
        )
        for asset in outcome.assets
    )
    return replace(outcome, assets=assets)


def run(catalog: Catalog, count: int) -> None:
    """Do what is still to be done of ``count`` files."""
    writer = Writer(catalog)
    uid = writer.start_run(command="run", recipe=factories.RECIPE)
    files = [factories.make_file(f"{number:03}") for number in range(count)]
    writer.add_scan(uid, files)
    writer.finish_scan(uid)
    last = {file.digest: factories.make_record(file.digest, 1).key for file in files}
    known = queries.known(catalog, last.values())
    todo = [file for file in files if last[file.digest] not in known]
    writer.store_plan(uid, factories.RECIPE, map(factories.make_unit, todo))
    numbers = {file.digest: number for number, file in enumerate(files)}
    for unit in queries.pending_units(catalog, uid, limit=count):
        writer.record(uid, [outcome_of(numbers[unit.unit])])
        say("recorded")
    writer.finish_run(uid)


def say(line: str) -> None:
    """Tell the test how far the program is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def patient(url: str, home: Path) -> Catalog:
    """Open the catalog; a server may need a moment to see that the killed writer is gone."""
    for _ in range(100):
        try:
            return open_catalog(url, write=True, home=home)
        except CatalogError as error:
            if "being written" not in str(error):
                raise
            time.sleep(0.1)
    raise SystemExit("the lock of the killed writer was never freed")


if __name__ == "__main__":
    with patient(sys.argv[1], Path(sys.argv[3])) as opened:
        say("open")
        run(opened, int(sys.argv[2]))
