"""What a checkpoint costs, against hashing the whole ledger again.

The workload is a catalog in which a large archive was treated, and a run that treats some more
photographs. The baseline reads and hashes every entry; ours goes on from the newest checkpoint.
Processor time is compared. Also measured: what the ledger adds to a catalog on the disk, and how
long a whole check and one proof take.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from _filled_catalog import fill, plain_key, scan_file, simple_recipe
from _filled_catalog import outcome as made
from _filled_catalog import unit as planned
from _harness import interleave, read_sizes, show, timed, verdict

from archivist.catalog import ledger
from archivist.catalog.session import Catalog, open_catalog
from archivist.catalog.writer import Writer
from archivist.ledger.merkle import Frontier, Tree
from archivist.report.verify_ledger import check_ledger

STEPS = 3
MORE = 100


class Rolled(Exception):
    """Ends a transaction without writing, so that each round begins with the same catalog."""


def whole(catalog: Catalog) -> Frontier:
    """Read and hash all entries: the baseline."""
    frontier = Frontier()
    for entry in ledger.entries(catalog):
        frontier.append(bytes.fromhex(entry.digest))
    return frontier


def onwards(catalog: Catalog) -> None:
    """Make the checkpoint of the newest run, and take it back."""
    try:
        with catalog.writing() as connection:
            assert ledger.add_checkpoint(connection, run=None) is not None
            raise Rolled
    except Rolled:
        pass


def treat_more(catalog: Catalog, first: int) -> None:
    """Record some more photographs, and leave the run without its checkpoint."""
    recipe, writer = simple_recipe(STEPS), Writer(catalog)
    files = [scan_file(number) for number in range(first, first + MORE)]
    run = writer.start_run(command="run", recipe=recipe)
    writer.add_scan(run, files)
    writer.store_plan(run, recipe, (planned(file, recipe, plain_key) for file in files))
    writer.record(run, [made(file, recipe, plain_key) for file in files])


def ledger_bytes(path: Path) -> int:
    """Return what the ledger takes in a SQLite file, by leaving it out of a copy."""
    import sqlite3

    with sqlite3.connect(path) as source:
        pages = source.execute("PRAGMA page_size").fetchone()[0]
        before = source.execute("PRAGMA page_count").fetchone()[0]
        source.execute("DELETE FROM ledger")
        source.execute("COMMIT")
        source.execute("VACUUM")
        return int(pages * (before - source.execute("PRAGMA page_count").fetchone()[0]))


def main() -> int:
    """Run the benchmark; return 0 when the target is met."""
    arguments = read_sizes(__doc__, steps=(60_000, 1_000_000), rounds=(3, 5))
    assets = arguments.steps // STEPS
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "catalog.sqlite"
        fill(str(path), assets=assets, recipe=simple_recipe(STEPS))
        with open_catalog(str(path), write=True) as catalog:
            treat_more(catalog, assets)
            pair = interleave(
                lambda: whole(catalog),
                lambda: onwards(catalog),
                rounds=arguments.rounds,
                clock=time.process_time,
            )
            entries = ledger.size(catalog)
            checking = timed(lambda: sum(1 for _ in check_ledger(catalog, {})))
            proving = timed(
                lambda: Tree(
                    bytes.fromhex(entry.digest) for entry in ledger.entries(catalog)
                ).inclusion(entries // 2, entries)
            )
        with open_catalog(str(path), write=True):
            pass  # the log is folded into the file
        size = ledger_bytes(path)
    slow, fast = pair.medians
    show(
        f"ledger: {entries:,} entries, of which the last run added {MORE * STEPS}",
        [
            ("hash all entries", f"{slow:.3f} CPU s"),
            ("checkpoint of the last run", f"{fast * 1000:.1f} CPU ms"),
            ("check of all entries", f"{checking:.1f} s, {checking / entries * 1e6:.0f} us each"),
            ("proof of one entry", f"{proving:.2f} s"),
            ("size on the disk", f"{size / entries:.0f} bytes for each entry"),
        ],
    )
    return verdict("checkpoint against hashing all entries", pair.ratio, at_most=0.1)


if __name__ == "__main__":
    raise SystemExit(main())
