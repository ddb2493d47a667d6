"""What a scan found goes into the catalog: files, their assets, refusals, near duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, select, update

from archivist.catalog.bulk import change_rows, delete_rows, insert_rows, pages
from archivist.catalog.events import EventDraft, add_events
from archivist.catalog.journal.lines import batch_of
from archivist.catalog.repeats import Repeats
from archivist.catalog.tables import asset, refusal, scan_file
from archivist.model import Asset, Refusal, ScanFile

FACTS = ("inventory_no", "title", "date", "series", "rights", "object_id")
"""Columns of the manifest that have a column in the catalog; the others lie in ``facts``."""

_ASSET = tuple(asset.c.keys())
_ASSET_UPDATE = tuple(name for name in _ASSET if name not in ("id", "digest", "page"))
_FILE = (
    "collection_id",
    "path",
    "digest",
    "size",
    "mtime_ns",
    "first_run",
    "seen_run",
    "present",
)
_FILE_UPDATE = ("digest", "size", "mtime_ns", "seen_run", "present")
_REFUSAL = tuple(name for name in refusal.c.keys() if name != "id")  # noqa: SIM118
_REFUSAL_UPDATE = tuple(name for name in _REFUSAL if name not in ("collection_id", "path"))
_KEEP_OLD = ("perceptual_hash", *FACTS, "facts")


def add_batch(
    connection: Connection,
    repeats: Repeats,
    *,
    collection: int,
    run: int,
    items: Sequence[ScanFile | Refusal],
) -> None:
    """Record some hundred files and refusals; saying the same again changes nothing."""
    newest = {item.path: item for item in items}
    files = [item for item in newest.values() if isinstance(item, ScanFile)]
    refused = [item for item in newest.values() if isinstance(item, Refusal)]
    _add_assets(connection, repeats, [page for file in files for page in file.assets])
    _add_files(connection, collection, run, files)
    _add_refusals(connection, collection, run, refused)


def finish(connection: Connection, *, collection: int, run: int) -> tuple[int, int]:
    """Mark what this scan did not see as absent; return how many files and refusals that were."""
    gone = [_unseen(connection, table, collection, run) for table in (scan_file, refusal)]
    if any(gone):
        detail = {"files": gone[0], "refusals": gone[1]}
        add_events(connection, [EventDraft(type="scan.absent", run=run, detail=detail)])
    return gone[0], gone[1]


def _unseen(connection: Connection, table: Table, collection: int, run: int) -> int:
    """Mark the rows of a table that a scan did not see as absent, by name."""
    there = table.c.collection_id == collection, table.c.present == 1
    unseen = select(table.c.path).where(*there, table.c.seen_run != run).order_by(table.c.path)
    paths = connection.scalars(unseen).all()
    for page in pages(paths):
        where = {"collection_id": [collection], "path": page}
        change_rows(connection, table, {"present": False}, where)
    if (batch := batch_of(connection)) is not None:  # those that are left were seen, each by itself
        where = {"collection_id": [collection], "present": [True]}
        batch.change(table, {"seen_run": run}, where)
    return len(paths)


def take_over(connection: Connection, *, collection: int, before: int, after: int) -> None:
    """Let all files and refusals that one run saw be seen by a later one."""
    for table in (scan_file, refusal):
        where = {"collection_id": [collection], "seen_run": [before]}
        change_rows(connection, table, {"seen_run": after}, where)


def _add_assets(connection: Connection, repeats: Repeats, assets: Iterable[Asset]) -> None:
    wanted = {(item.digest, item.page): item for item in assets}
    digests = {digest for digest, _ in wanted}
    stored = {
        (row.digest, row.page): row._asdict()
        for row in connection.execute(select(asset).where(asset.c.digest.in_(digests)))
    }
    rows = []
    for key, item in wanted.items():
        values, old = asset_values(item), stored.get(key)
        if old is None:
            values["id"] = next(repeats.ids(connection, asset))
        else:
            values = _merged(values, old)
            if values == old:
                continue
        rows.append(tuple(values[name] for name in _ASSET))
    insert_rows(connection, asset, _ASSET, rows, conflict=("digest", "page"), update=_ASSET_UPDATE)


def _merged(values: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what an earlier scan knew and this one does not say: a hash, a manifest's facts."""
    kept = {name: old[name] for name in _KEEP_OLD if values[name] is None}
    return {**values, **kept, "id": old["id"]}


def asset_values(item: Asset) -> dict[str, Any]:
    """Return the columns of an asset, without its number."""
    header = item.header
    dpi = header.dpi or (None, None)
    rest = {name: value for name, value in item.facts.items() if name not in FACTS}
    return {
        "id": None,
        "digest": item.digest,
        "page": item.page,
        "pages": item.pages,
        "format": header.format,
        "width": header.width,
        "height": header.height,
        "colour": header.colour.value,
        "depth": header.depth,
        "alpha": header.alpha,
        "palette": header.palette,
        "orientation": header.orientation,
        "dpi_x": dpi[0],
        "dpi_y": dpi[1],
        "icc_digest": header.icc_digest,
        "layout": header.layout,
        "perceptual_hash": item.perceptual_hash,
        **{name: item.facts.get(name) for name in FACTS},
        "facts": rest or None,
        "exif": dict(item.exif) or None,
    }


def _add_files(
    connection: Connection, collection: int, run: int, files: Sequence[ScanFile]
) -> None:
    columns = (scan_file.c.path, scan_file.c.id, scan_file.c.digest, scan_file.c.size)
    paths = [file.path for file in files]
    stored = {
        row.path: row
        for row in connection.execute(
            select(*columns, scan_file.c.mtime_ns, scan_file.c.present)
            .where(scan_file.c.collection_id == collection)
            .where(scan_file.c.path.in_(paths))
        )
    }
    rows, same, events = [], [], []
    for file in files:
        old = stored.get(file.path)
        now = (file.digest, file.size, file.mtime_ns, True)
        if old is not None and (old.digest, old.size, old.mtime_ns, old.present) == now:
            same.append(old.id)
            continue
        if old is not None and old.digest != file.digest:
            detail = {"path": file.path, "was": old.digest, "is": file.digest}
            events.append(EventDraft(type="scan.changed", run=run, detail=detail))
        rows.append((collection, file.path, file.digest, file.size, file.mtime_ns, run, run, True))
    insert_rows(
        connection, scan_file, _FILE, rows, conflict=("collection_id", "path"), update=_FILE_UPDATE
    )
    connection.execute(update(scan_file).where(scan_file.c.id.in_(same)).values(seen_run=run))
    add_events(connection, events)
    delete_rows(connection, refusal, {"collection_id": [collection], "path": paths})


def _add_refusals(
    connection: Connection, collection: int, run: int, refused: Sequence[Refusal]
) -> None:
    rows = [
        (
            collection,
            item.path,
            item.code,
            item.reason,
            item.status.value,
            item.size,
            item.mtime_ns,
            run,
            True,
        )
        for item in refused
    ]
    insert_rows(
        connection,
        refusal,
        _REFUSAL,
        rows,
        conflict=("collection_id", "path"),
        update=_REFUSAL_UPDATE,
    )
    paths = [item.path for item in refused]
    change_rows(
        connection, scan_file, {"present": False}, {"collection_id": [collection], "path": paths}
    )
