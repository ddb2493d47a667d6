"""The questions that auditors ask of a catalog, each as the functions behind the commands ask it.

Each has the table in which its answer stands, and the condition that without an index must be
tested on every row of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from _filled_catalog import (
    STARTED,
    outcome,
    plain_key,
    plain_publication_key,
    scan_file,
    sha,
    simple_recipe,
)
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    func,
    insert,
    literal_column,
    select,
    text,
    type_coerce,
)

from archivist.catalog import behind, fixity, lineage, queries, tables, uses
from archivist.catalog.borrowing import borrowings_of
from archivist.catalog.bulk import insert_rows
from archivist.catalog.finding import by_digest, by_inventory, by_path
from archivist.catalog.rows import RunState
from archivist.catalog.session import Catalog

DAY = 86_400_000_000
"""Microseconds, as SQLite holds times."""
NOW = datetime(2026, 12, 1, tzinfo=UTC)
STEPS = 3
PAGE = 100
DUE = 500
LENDER = 7
BORROWERS = 50
"""One photograph in so many borrows from the photograph number LENDER."""
FAILURES = 100
"""One photograph in so many failed in the second run."""
COMPARED = 100_000
"""Photographs that the second run treated again at most, half of them with another result."""
_step, _artifact, _outcome = tables.step, tables.artifact, tables.asset_outcome


@dataclass(frozen=True, slots=True)
class Question:
    """A question: how it is asked, and the table and condition of a scan that would answer it."""

    name: str
    ask: Callable[[Catalog], object]
    table: str
    where: str
    value: bytes | str | int


# --- what a catalog has after some years ----------------------------------------------------


def add_history(connection: Connection, assets: int, collection: int) -> str:
    """Let photographs borrow, and a second run treat some again; return the uid of that run."""
    lender = scan_file(LENDER).digest
    borrowers = range(STEPS, assets * STEPS, STEPS * BORROWERS)
    rows = [(n, 9, "references", "reference", lender, 0.5, "region 0,0,9,9") for n in borrowers]
    insert_rows(connection, tables.step_input, tuple(tables.step_input.c.keys()), rows)
    uid = "second-run"
    values = {"uid": uid, "collection_id": collection, "command": "run", "operator": "bench"}
    values |= {"settings": {}, "state": RunState.DONE.value, "started": STARTED}
    (number,) = connection.execute(insert(tables.run).values(**values)).inserted_primary_key or ()
    _treat_again(connection, min(COMPARED, assets), number)
    return uid


def _treat_again(connection: Connection, count: int, run: int) -> None:
    first = (connection.scalar(select(func.max(_step.c.id))) or 0) + 1
    wanted = select(_step).where(_step.c.ordinal == 0, _step.c.asset_id <= count)
    steps, results, endings = [], [], []
    for row in connection.execute(wanted):
        number = first + len(steps)
        facts = row._asdict() | {"id": number, "run_id": run}
        facts |= {"key": sha(f"again {row.key}"), "digest": sha(f"again {row.digest}")}
        facts |= {"started": STARTED + timedelta(days=row.asset_id % 30)}
        steps.append(tuple(facts.values()))
        other = sha(f"other {row.key}") if row.asset_id % 2 else sha(f"image {row.key}")
        results.append((number, 0, "image", "image", other, None, False, 0, "", 6000, 4000))
        failed = row.asset_id % FAILURES == 0
        ending = ("failed", "step-failed") if failed else ("done", "")
        endings.append((row.asset_id, run, *ending, "made up", 0.5))
    insert_rows(connection, _step, tuple(_step.c.keys()), steps)
    insert_rows(connection, _artifact, tuple(_artifact.c.keys()), results)
    insert_rows(connection, _outcome, tuple(_outcome.c.keys()), endings)


# --- how they are asked ---------------------------------------------------------------------


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


def rows_of(catalog: Catalog, statement: Select[tuple[object, ...]]) -> Sequence[object]:
    """Return the answer to a statement that has no function of its own."""
    with catalog.reading() as connection:
        return connection.execute(statement).all()


def differing(first: str, second: str) -> Select[tuple[object, ...]]:
    """Return the statement that counts by result what both runs made of the same photographs."""
    one, other, run = _step.alias(), _step.alias(), tables.run.c
    before, after = (select(run.id).where(run.uid == uid) for uid in (first, second))
    # Looked up one by one: joined, Postgres would read all results.
    image, again = (
        select(_artifact.c.digest).where(_artifact.c.step_id == number, _artifact.c.ordinal == 0)
        for number in (one.c.id, other.c.id)
    )
    same = (image.scalar_subquery() == again.scalar_subquery()).label("same")
    return (
        select(same, func.count())
        .select_from(other)
        .join(one, one.c.asset_id == other.c.asset_id)
        .where(other.c.run_id == after.scalar_subquery(), other.c.ordinal == 0)
        .where(one.c.run_id == before.scalar_subquery(), one.c.ordinal == 0)
        .group_by(text("1"))
    )


def per_day(catalog: Catalog, since: datetime) -> Sequence[object]:
    """Return how many steps ended how on each day of a week."""
    end = since + timedelta(days=7)
    if catalog.engine.dialect.name == "sqlite":
        day: ColumnElement[object] = type_coerce(_step.c.started, BigInteger) // DAY
    else:
        day = func.date_trunc(literal_column("'day'"), _step.c.started)
    chosen = (_step.c.started >= since) & (_step.c.started < end)
    counted = select(day, _step.c.status, func.count()).where(chosen)
    return rows_of(catalog, counted.group_by(day, _step.c.status))


def progress_of(catalog: Catalog, run: str) -> object:
    """Return the counters of a run, and how many units are still to be done."""
    return queries.run_counts(catalog, run), queries.count_pending(catalog, run)


def of_rights(allowed: str) -> Select[tuple[object, ...]]:
    """Return the statement that counts the photographs whose rights are others."""
    return select(func.count()).where(tables.asset.c.rights != allowed)


def questions(assets: int, first: str, second: str) -> list[Question]:
    """Return the questions, about a photograph in the middle of the catalog and its two runs."""
    file = scan_file(assets // 2)
    output, weights, lender = sha(f"output {file.path}"), sha("net"), scan_file(LENDER).digest
    uid, number = file.assets[0].uid, file.assets[0].facts["inventory_no"]
    recipe = simple_recipe(STEPS)
    made = outcome(file, recipe, plain_key, publication_key=plain_publication_key).assets[0]
    key = made.records[1].key
    return [
        Question(
            "1 the whole lineage of an output, by its content",
            lambda catalog: lineage_of(catalog, output),
            "publication",
            "output_digest = ?",
            bytes.fromhex(output),
        ),
        Question(
            f"2 {PAGE} outputs derived from a photograph",
            lambda catalog: page_of(catalog, uses.borrowed_from({lender})),
            "step_input",
            "digest = ?",
            bytes.fromhex(lender),
        ),
        Question(
            f"3 {PAGE} outputs made with a plugin",
            lambda catalog: page_of(catalog, uses.made_with(catalog, "archivist-bench==1.0")),
            "step",
            "plugin_version_id = ?",
            1,
        ),
        Question(
            f"3 {PAGE} outputs made with weights",
            lambda catalog: page_of(catalog, uses.uses_weights(catalog, weights)),
            "step_weights",
            "weights_id = ?",
            1,
        ),
        Question(
            "4 the result of a step key",
            lambda catalog: queries.known(catalog, [key]),
            "step",
            "key = ?",
            bytes.fromhex(key),
        ),
        Question(
            "5 the whole history of a photograph",
            lambda catalog: queries.records_of(catalog, uid),
            "step",
            "asset_id = ?",
            assets // 2,
        ),
        Question(
            "6 what lies in the output folder of a photograph",
            lambda catalog: queries.published(catalog, [file.digest]),
            "publication",
            "digest = ?",
            bytes.fromhex(file.digest),
        ),
        Question(
            f"7 the {DUE} outputs whose check is due first",
            lambda catalog: list(islice(fixity.due(catalog, fixity.OUTPUT, before=NOW), DUE)),
            "publication",
            "profile = ?",
            "master",
        ),
        Question(
            "8 the failures of a run",
            lambda catalog: queries.failures(catalog, second),
            "asset_outcome",
            "status = ?",
            "failed",
        ),
        Question(
            "9 the progress of a run",
            lambda catalog: (
                queries.run_counts(catalog, first),
                queries.count_pending(catalog, first),
            ),
            "step",
            "run_id = ?",
            1,
        ),
        Question(
            "10 what differs between two runs at a stage",
            lambda catalog: rows_of(catalog, differing(first, second)),
            "step",
            "ordinal = ?",
            0,
        ),
        Question(
            "11 where a photograph was used as a reference",
            lambda catalog: list(islice(borrowings_of(catalog, lender), PAGE)),
            "step_input",
            "digest = ?",
            bytes.fromhex(lender),
        ),
        Question(
            "12 a photograph by its inventory number",
            lambda catalog: by_inventory(catalog, number),
            "asset",
            "inventory_no = ?",
            number,
        ),
        Question(
            "12 an output by its path",
            lambda catalog: by_path(catalog, file.path),
            "publication",
            "path = ?",
            file.path,
        ),
        Question(
            "13 the same bytes in several places",
            lambda catalog: queries.paths_of(catalog, [file.digest]),
            "scan_file",
            "digest = ?",
            bytes.fromhex(file.digest),
        ),
        Question(
            "14 steps by day, a week",
            lambda catalog: per_day(catalog, datetime(2026, 1, 10, tzinfo=UTC)),
            "step",
            "ordinal = ?",
            0,
        ),
        Question(
            "15 photographs whose rights forbid an act",
            lambda catalog: rows_of(catalog, of_rights("CC0")),
            "asset",
            "rights = ?",
            "CC0",
        ),
    ]
