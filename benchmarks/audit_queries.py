"""How fast an auditor's questions are answered, against a full scan in plain sqlite3.

A catalog is filled with made-up steps, three to a photograph. Each question is asked through the
functions of `archivist audit` and `archivist query`, and answered with all that they return. The
baseline reads the table in which the answer stands from end to end, as must be done without an
index, and makes nothing of what it reads: it grows with the catalog, ours should not. No question
may take a second of the processor, not even the first that is asked of a catalog just opened.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from _filled_catalog import fill, scan_file, sha
from _harness import interleave, read_sizes, show, timed, verdict

from archivist.catalog import behind, lineage, uses
from archivist.catalog.finding import by_digest, by_inventory, by_path
from archivist.catalog.session import Catalog, open_catalog

STEPS = 3
PAGE = 100
LIMIT = 1.0
"""Seconds that a question may take at most."""
LENDER = 7
CLOCK = time.process_time
"""Processor time, which holds on a machine with other work; the catalog lies in memory by then."""
BORROWERS = 50
"""One photograph in so many borrows from the photograph number LENDER."""
BORROW = """
INSERT INTO step_input (step_id, ordinal, port, role, digest, score, note)
SELECT id, 9, 'references', 'reference', ?, 0.5, 'region 0,0,9,9: made up' FROM step
WHERE id % ? = 0
"""


@dataclass(frozen=True, slots=True)
class Question:
    """A question: how it is asked, and the scan that would answer it without an index."""

    name: str
    ask: Callable[[Catalog], object]
    scan: str
    value: bytes | str | int


def lineage_of(catalog: Catalog, digest: str) -> int:
    """Return how many records are behind the output of this content."""
    match = by_digest(catalog, digest)[0]
    files = lineage.written_of(catalog, [match.digest])[match.digest]
    made, _ = behind.records_behind(catalog, {match.digest: files[-1].number})[match.digest]
    lineage.endings_of(catalog, match.digest)
    lineage.opinion_of(catalog, match.digest)
    return len(made)


def page_of(catalog: Catalog, condition: uses.Condition) -> int:
    """Return the length of the first page of outputs for which a condition holds."""
    return len(list(islice(uses.uses(catalog, [condition]), PAGE)))


def questions(assets: int) -> list[Question]:
    """Return the questions, about a photograph in the middle of the catalog."""
    file = scan_file(assets // 2)
    output, weights, lender = sha(f"output {file.path}"), sha("net"), scan_file(LENDER).digest
    number = file.assets[0].facts["inventory_no"]
    return [
        Question(
            "whole lineage of an output, by its content",
            lambda catalog: lineage_of(catalog, output),
            "SELECT count(*) FROM publication WHERE +output_digest = ?",
            bytes.fromhex(output),
        ),
        Question(
            "find a photograph by its inventory number",
            lambda catalog: by_inventory(catalog, number),
            "SELECT count(*) FROM asset WHERE +inventory_no = ?",
            number,
        ),
        Question(
            "find an output by its path",
            lambda catalog: by_path(catalog, file.path),
            "SELECT count(*) FROM publication WHERE +path = ?",
            file.path,
        ),
        Question(
            f"{PAGE} outputs made with a plugin",
            lambda catalog: page_of(catalog, uses.made_with(catalog, "archivist-bench==1.0")),
            "SELECT count(*) FROM step WHERE +plugin_version_id = ?",
            1,
        ),
        Question(
            f"{PAGE} outputs made with weights",
            lambda catalog: page_of(catalog, uses.uses_weights(catalog, weights)),
            "SELECT count(*) FROM step_weights WHERE +weights_id = ?",
            1,
        ),
        Question(
            f"{PAGE} outputs that borrowed from a photograph",
            lambda catalog: page_of(catalog, uses.borrowed_from({lender})),
            "SELECT count(*) FROM step_input WHERE +digest = ?",
            bytes.fromhex(lender),
        ),
    ]


def main() -> int:
    """Run the benchmark; return 0 when no question takes too long."""
    sizes = read_sizes(__doc__, steps=(20_000, 1_000_000), rounds=(5, 5))
    assets = sizes.steps // STEPS
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "filled.sqlite"
        fill(f"sqlite:///{path}", assets=assets)
        with closing(sqlite3.connect(path)) as connection, connection:
            lender = bytes.fromhex(scan_file(LENDER).digest)
            connection.execute(BORROW, (lender, STEPS * BORROWERS))
        facts, slowest, first = [], 0.0, 0.0
        for one in questions(assets):
            with (
                open_catalog(str(path), write=False) as catalog,
                closing(sqlite3.connect(path)) as bare,
            ):
                first = max(first, timed(lambda one=one, catalog=catalog: one.ask(catalog), CLOCK))
                pair = interleave(
                    lambda one=one, bare=bare: bare.execute(one.scan, (one.value,)).fetchall(),
                    lambda one=one, catalog=catalog: one.ask(catalog),
                    rounds=sizes.rounds,
                    clock=CLOCK,
                )
            baseline, own = pair.medians
            slowest = max(slowest, own)
            times = f"{own * 1000:8.1f} ms, full scan {baseline * 1000:8.1f} ms"
            facts.append((one.name, f"{times}, ratio {pair.ratio:.3g}"))
    show(f"audit_queries: {sizes.steps:,} steps of {assets:,} photographs, SQLite", facts)
    failed = verdict("slowest question, seconds", slowest, at_most=LIMIT)
    return failed | verdict(
        "slowest question of a catalog just opened, seconds", first, at_most=LIMIT
    )


if __name__ == "__main__":
    raise SystemExit(main())
