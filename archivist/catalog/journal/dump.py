"""A whole catalog as lines of a journal: for one that had none yet, or whose journal was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from archivist.catalog import ledger, tables
from archivist.catalog.bulk import PAGE, pages, select_in
from archivist.catalog.journal.lines import FROM_ENTRIES, Batch
from archivist.catalog.ledger import Entry
from archivist.catalog.ledger_facts import facts_of
from archivist.catalog.reading import records_of_rows, uids_of_assets
from archivist.catalog.recorded import as_recorded
from archivist.catalog.session import Catalog
from archivist.catalog.step_rows import facts_of_record
from archivist.hashing import canonical_json
from archivist.model import Artifact, StepRecord

_KEPT = ("b_step", "b_ordinal", "blob", "kept", "size", "media_type")
_FILES = select(
    tables.artifact.c.step_id,
    tables.artifact.c.ordinal,
    tables.artifact.c.blob,
    tables.artifact.c.kept,
    tables.artifact.c.size,
    tables.artifact.c.media_type,
)


def dump(catalog: Catalog) -> Iterator[list[bytes]]:
    """Yield the lines of batches that make this catalog from nothing."""
    with catalog.reading() as connection:
        for table in tables.metadata.sorted_tables:
            if table.name not in FROM_ENTRIES:
                yield from _rows(connection, table)
        for page in pages(ledger.entries(catalog), PAGE):
            yield _entries(catalog, connection, page)


def _rows(connection: Connection, table: Any) -> Iterator[list[bytes]]:
    order = list(table.primary_key.columns)
    columns = tuple(table.c.keys())
    wanted = select(table).order_by(*order)
    found = connection.execute(wanted, execution_options={"yield_per": PAGE})
    for part in found.partitions(PAGE):
        batch = Batch()
        batch.rows(table, columns, [tuple(row) for row in part])
        yield batch.lines


def _entries(catalog: Catalog, connection: Connection, page: Sequence[Entry]) -> list[bytes]:
    batch = Batch()
    rows: dict[str, list[int]] = {kind: [] for kind in ledger.KINDS}
    for entry in page:
        rows[entry.kind].append(entry.row)
    steps = _steps(catalog, connection, rows[ledger.STEP])
    facts = {
        kind: facts_of(connection, kind, rows[kind]) for kind in ledger.KINDS if kind != ledger.STEP
    }
    for entry in page:
        if entry.kind == ledger.STEP:
            run, record = steps.get(entry.row, (None, None))
            found: Any = facts_of_record(record) if record is not None else None
        else:
            found = facts[entry.kind].get(entry.row)
            run = found.get("run") if found else None
        if found is not None:  # what was deleted behind archivist's back cannot be written down
            batch.entry(
                position=entry.position,
                kind=entry.kind,
                row=entry.row,
                digest=entry.digest,
                text=canonical_json(found),
                run=run,
            )
    kept_later = _kept_later(connection, {n: record for n, (_, record) in steps.items()})
    batch.call("keep", _KEPT, kept_later)
    return batch.lines


def _steps(
    catalog: Catalog, connection: Connection, numbers: Sequence[int]
) -> dict[int, tuple[str, StepRecord]]:
    rows = connection.execute(select(tables.step).where(tables.step.c.id.in_(numbers))).all()
    uids = uids_of_assets(connection, (row.asset_id for row in rows))
    runs = catalog.memo.run_uids(connection, (row.run_id for row in rows))
    records = records_of_rows(connection, catalog.memo, rows, uids)
    return {
        row.id: (runs[row.run_id], as_recorded(record))
        for row, record in zip(rows, records, strict=True)
    }


def _kept_later(
    connection: Connection, records: dict[int, StepRecord]
) -> list[tuple[int, int, str | None, bool, int, str]]:
    """Return the files that were kept only after their record was written."""
    later = []
    for number, ordinal, *file in select_in(connection, _FILES, tables.artifact.c.step_id, records):
        said: Artifact = records[number].outputs[ordinal]
        if tuple(file) != (said.blob, said.kept, said.size, said.media_type):
            later.append((number, ordinal, *file))
    return later
