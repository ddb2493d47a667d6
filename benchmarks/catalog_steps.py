"""How fast step records go into the catalog and are found again, against bare sqlite3.

Both sides write the same rows into the same tables with the same indexes, foreign keys, journal
and durability (write-ahead log, synchronous FULL), in transactions of the same size. The baseline
has nothing else to do: its tuples, with digests as bytes and JSON as text, are ready beforehand.
Ours starts from the outcomes as workers send them and checks what is stored already; for
look-ups it returns the values that a planner gets. Processor time is compared, not the disk.
"""

from __future__ import annotations

import gc
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from _filled_catalog import (
    BATCH,
    outcome,
    plain_key,
    plain_publication_key,
    scan_file,
    simple_recipe,
    unit,
)
from _harness import read_sizes, show, verdict

from archivist.catalog import queries
from archivist.catalog.engine import WRITER_SETTINGS
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.model import UnitOutcome

STEPS = 3
OF_STEP = f"(step_id - 1) / {STEPS}"
PLACES = {
    "params": "0",
    "environment": "0",
    "plugin_version": "0",
    "weights": "0",
    "contract": "0",
    "blob": OF_STEP,
    "step": f"(id - 1) / {STEPS}",
    "step_input": OF_STEP,
    "step_weights": OF_STEP,
    "artifact": OF_STEP,
    "asset_outcome": "asset_id - 1",
    "publication": "id - 1",
    "ledger": f"CASE kind WHEN 'step' THEN (row_id - 1) / {STEPS} ELSE row_id - 1 END",
}
"""Tables in the order of their references, with the number of the outcome that a row came with."""
CLOSE_ITEM = """
UPDATE work_item SET state=?, attempts=?, worker=?, started=?, seconds=?, peak_mib=?, code=?,
  message=? WHERE run_id=? AND ordinal=?
"""
ITEMS = """
SELECT ordinal, state, attempts, worker, started, seconds, peak_mib, code, message, run_id, ordinal
FROM work_item ORDER BY ordinal
"""
PAGE = 500
LOOK_UP = """
SELECT step.key, step.id, step.digest, step.status, step.reason, artifact.port,
  artifact.kind, artifact.digest, artifact.kept, artifact.blob, artifact.size, artifact.media_type,
  artifact.width, artifact.height, blob.purged
FROM step LEFT JOIN artifact ON artifact.step_id = step.id
LEFT JOIN blob ON blob.digest = artifact.blob
WHERE step.status IN ('done', 'skipped') AND step.key IN ({marks})
ORDER BY step.id, artifact.ordinal
"""


@dataclass(frozen=True, slots=True)
class Work:
    """A planned catalog, and what is to be recorded in it."""

    planned: Path
    run: str
    outcomes: Sequence[UnitOutcome]

    @property
    def steps(self) -> int:
        """How many step records there are."""
        return len(self.outcomes) * STEPS


def prepare(folder: Path, steps: int) -> Work:
    """Scan and plan made-up files; make the outcomes of their work."""
    recipe = simple_recipe(STEPS)
    files = [scan_file(n) for n in range(steps // STEPS)]
    path = folder / "planned.sqlite"
    with open_catalog(str(path), write=True) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(command="run", recipe=recipe)
        writer.add_scan(run, files)
        writer.store_plan(run, recipe, (unit(file, recipe, plain_key) for file in files))
    outcomes = [
        outcome(file, recipe, plain_key, kept=n % 3 == 0, publication_key=plain_publication_key)
        for n, file in enumerate(files)
    ]
    return Work(path, run, outcomes)


def ours(path: Path, work: Work) -> float:
    """Record the outcomes; return processor seconds."""
    with open_catalog(str(path), write=True) as catalog:
        writer = Writer(catalog)
        start = time.process_time()
        for first in range(0, len(work.outcomes), BATCH):
            writer.record(work.run, work.outcomes[first : first + BATCH])
        return time.process_time() - start


Inserts = list[tuple[str, list[tuple[Any, ...]]]]


def batches_of(path: Path) -> list[Inserts]:
    """Return the rows of a filled catalog as bare statements, cut into transactions as ours are."""
    with closing(sqlite3.connect(path)) as connection:
        count = connection.execute("SELECT count(*) FROM asset").fetchone()[0]
        batches: list[Inserts] = [[] for _ in range(-(-count // BATCH))]
        for table, place in PLACES.items():
            source = "artifact JOIN blob ON blob = blob.digest" if table == "blob" else table
            rows = connection.execute(f"SELECT {place}, {table}.* FROM {source} ORDER BY 1")
            # Planning has stored the params already, as it has for us.
            verb = "INSERT OR IGNORE" if table == "params" else "INSERT"
            marks = ",".join("?" * (len(rows.description) - 1))
            _share(batches, f"{verb} INTO {table} VALUES ({marks})", rows)
        _share(batches, CLOSE_ITEM, connection.execute(ITEMS))
    return batches


def _share(batches: list[Inserts], sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
    for number, group in groupby(rows, lambda row: row[0] // BATCH):
        batches[number].append((sql, [row[1:] for row in group]))


def bare(path: Path, batches: list[Inserts]) -> float:
    """Insert the same rows with sqlite3 alone; return processor seconds."""
    with closing(_connect(path)) as connection:
        start = time.process_time()
        for inserts in batches:
            connection.execute("BEGIN IMMEDIATE")
            for sql, rows in inserts:
                connection.executemany(sql, rows)
            connection.execute("COMMIT")
        return time.process_time() - start


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in ("journal_mode=WAL", *WRITER_SETTINGS):
        connection.execute(f"PRAGMA {setting}")
    return connection


def look_up_ours(path: Path, keys: Sequence[str]) -> float:
    """Ask for results by step key; return processor seconds."""
    with open_catalog(str(path), write=False) as catalog:
        start = time.process_time()
        found = sum(
            len(queries.known(catalog, keys[first : first + PAGE]))
            for first in range(0, len(keys), PAGE)
        )
        seconds = time.process_time() - start
    assert found == len(keys)
    return seconds


def look_up_bare(path: Path, keys: Sequence[str]) -> float:
    """Ask for the same rows with sqlite3 alone, as tuples; return processor seconds."""
    raw = [bytes.fromhex(key) for key in keys]
    sql = LOOK_UP.format(marks=",".join("?" * PAGE))
    with closing(_connect(path)) as connection:
        start = time.process_time()
        found = sum(
            len(connection.execute(sql, raw[first : first + PAGE]).fetchall())
            for first in range(0, len(raw), PAGE)
        )
        seconds = time.process_time() - start
    assert found == len(keys)
    return seconds


def ratios(
    rounds: int, baseline: Callable[[int], float], candidate: Callable[[int], float]
) -> tuple[float, float, float]:
    """Return median speed of candidate over baseline, and the median seconds of both, in turns.

    A first round does not count: statements are compiled in it.
    """
    baseline(0), candidate(0)
    pairs = [(baseline(n), candidate(n)) for n in range(rounds)]
    slow = median(theirs / own for theirs, own in pairs)
    return slow, median(p[0] for p in pairs), median(p[1] for p in pairs)


def main() -> int:
    """Run the benchmark; return 0 when both targets are met."""
    arguments = read_sizes(__doc__, steps=(45_000, 100_000), rounds=(3, 5))
    # In memory where there is such a folder: waiting for a disk is not what is compared.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        work = prepare(folder, arguments.steps)
        filled = folder / "filled.sqlite"
        shutil.copy(work.planned, filled)
        before = filled.stat().st_size
        ours(filled, work)
        size = (filled.stat().st_size - before) / work.steps
        batches = batches_of(filled)
        # The millions of objects made so far belong to neither side; no collection looks at them.
        gc.collect()
        gc.freeze()

        def fresh(kind: str) -> Path:
            return Path(shutil.copy(work.planned, folder / f"{kind}.sqlite"))

        insert, bare_s, ours_s = ratios(
            arguments.rounds,
            lambda _: bare(fresh("bare"), batches),
            lambda _: ours(fresh("ours"), work),
        )
        keys = [r.key for o in work.outcomes for a in o.assets for r in a.records]
        some = keys[:: max(1, len(keys) // 20_000)][: len(keys) // PAGE * PAGE // 5 or PAGE]
        some = some[: len(some) // PAGE * PAGE]
        found, bare_l, ours_l = ratios(
            max(arguments.rounds, 5),
            lambda _: look_up_bare(filled, some),
            lambda _: look_up_ours(filled, some),
        )
    show(
        f"catalog_steps: {work.steps} step records with inputs, outputs, weights, outcomes",
        [
            ("bare sqlite3 inserts", f"{work.steps / bare_s:,.0f} steps per CPU second"),
            ("catalog inserts", f"{work.steps / ours_s:,.0f} steps per CPU second"),
            ("bare sqlite3 look-ups", f"{len(some) / bare_l:,.0f} keys per CPU second"),
            ("catalog look-ups", f"{len(some) / ours_l:,.0f} keys per CPU second"),
            ("size", f"{size:,.0f} bytes per step, all tables and indexes"),
        ],
    )
    failed = verdict("inserts against bare sqlite3", insert, at_least=0.4)
    return failed | verdict("look-ups against bare sqlite3", found, at_least=0.5)


if __name__ == "__main__":
    raise SystemExit(main())
