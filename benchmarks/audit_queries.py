"""How fast an auditor's questions are answered, against a full scan of the same database.

A catalog is filled with made-up steps, three to a photograph, of which a second run treated some
again. Each question is asked through the functions behind the commands, and answered with all that
they return. The baseline reads the table in which the answer stands from end to end, as must be
done without an index, and makes nothing of what it reads: it grows with the catalog, ours should
not. No question may take a second, not even the first that is asked of a catalog just opened; only
what a week's days brought is counted over all steps.

    python benchmarks/audit_queries.py --catalog URL

keeps the catalog: an empty database (SQLite or Postgres) is filled, one that is filled is asked.
Measured are CPU seconds, with Postgres those of its server too, which must be on this machine; they
hold where other work is done beside. The fastest of the rounds counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from _audit_questions import STEPS, Question, add_history, questions
from _filled_catalog import fill, simple_recipe
from _harness import show, timed, verdict
from sqlalchemy import Connection, bindparam, func, select, text

from archivist.catalog import tables
from archivist.catalog.session import open_catalog

LIMIT = 1.0
"""Seconds that a question may take at most."""
COUNTED = "14"
"""The question that counts over all steps, and may take longer."""
NO_INDEX = ("enable_indexscan", "enable_bitmapscan", "enable_indexonlyscan")
"""Settings of Postgres that are off for a full scan."""


def runs_of(url: str, steps: int) -> tuple[int, str, str]:
    """Return how many photographs a catalog has, and its two runs; fill it when it is empty."""
    with open_catalog(url, write=True) as catalog, catalog.reading() as connection:
        known = connection.scalars(select(tables.run.c.uid).order_by(tables.run.c.id)).all()
        count = connection.scalar(select(func.count()).select_from(tables.asset)) or 0
        recipes = set(connection.scalars(select(tables.recipe.c.name)))
    if recipes - {simple_recipe(STEPS).name} or (known and not recipes):
        raise SystemExit(f"{url} holds records of a real archive: it is neither filled nor asked")
    if not known:
        count = steps // STEPS
        known = [fill(url, assets=count)]
    if len(known) == 1:
        with open_catalog(url, write=True) as catalog, catalog.writing() as connection:
            known = [*known, add_history(connection, count, catalog.collection_id or 0)]
            if connection.dialect.name == "postgresql":
                connection.execute(text("ANALYZE"))
    return count, known[0], known[1]


def scan(connection: Connection, question: Question) -> object:
    """Read the table in which an answer stands from end to end."""
    postgres = connection.dialect.name == "postgresql"
    if postgres:
        for setting in NO_INDEX:
            connection.execute(text(f"SET LOCAL {setting} = off"))
    # A plus before the column keeps SQLite from its index.
    where = ("" if postgres else "+") + question.where.replace("?", ":value")
    counted = text(f"SELECT count(*) FROM {question.table} WHERE {where}")
    return connection.execute(counted.bindparams(bindparam("value", question.value))).scalar()


def clock_of(url: str) -> Callable[[], float]:
    """Return the CPU seconds of this process, and of the server if the catalog has one."""
    if not url.startswith("postgres"):
        return time.process_time
    with open_catalog(url, write=False) as catalog, catalog.reading() as connection:
        server = psutil.Process(connection.scalar(text("SELECT pg_backend_pid()"))).parent()
    assert server is not None

    def clock() -> float:
        running = [child.cpu_times() for child in server.children()]
        ended = server.cpu_times()  # with those of parallel workers, which end with their query
        return (
            time.process_time()
            + sum(one.user + one.system for one in running)
            + ended.children_user
            + ended.children_system
        )

    return clock


def measure(
    url: str, question: Question, rounds: int, clock: Callable[[], float]
) -> tuple[float, float, float]:
    """Return seconds: of the first answer of a catalog just opened, of ours, of the full scan."""
    with open_catalog(url, write=False) as catalog:
        first = timed(lambda: question.ask(catalog), clock)
        ours, scans = [], []
        for _ in range(rounds):
            ours.append(timed(lambda: question.ask(catalog), clock))
            with catalog.reading() as connection:
                scans.append(timed(lambda: scan(connection, question), clock))
    return first, min(ours), min(scans)


def main() -> int:
    """Run the benchmark; return 0 when no question takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="1,000,000 steps")
    parser.add_argument("--catalog", help="the URL of a catalog to fill and keep, or to ask")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        url = given.catalog or f"sqlite:///{Path(name) / 'filled.sqlite'}"
        count, *runs = runs_of(url, 1_000_000 if given.full else given.steps)
        clock = clock_of(url)
        facts, slowest = [], 0.0
        for question in questions(count, *runs):
            first, own, whole = measure(url, question, given.rounds, clock)
            times = f"{own * 1e3:8.1f} ms, at first {first * 1e3:8.1f}, scan {whole * 1e3:8.1f}"
            facts.append((question.name, f"{times}, ratio {own / whole:.3g}"))
            if not question.name.startswith(COUNTED):
                slowest = max(slowest, first, own)
    show(
        f"audit_queries: {count * STEPS:,} steps of {count:,} photographs, {url.partition(':')[0]}",
        facts,
    )
    return verdict("slowest question, seconds", slowest, at_most=LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
