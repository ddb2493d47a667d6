"""Outputs found by how they were made, as rows for tables, JSON and spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import IO

from archivist.catalog.alike import Pair
from archivist.catalog.uses import Use
from archivist.report.tables import spreadsheet_cell

COLUMNS: Mapping[str, str] = {
    "output": "path of the output, relative to the output folder",
    "source": "path of the scan, relative to the scans",
    "page": "page of the scan, from 1",
    "inventory_no": "from the manifest",
    "title": "from the manifest",
    "asset": "SHA-256 of the scan, with #page when it has several",
    "sha256": "SHA-256 of the output",
    "run": "the run that published it",
    "published": "when, UTC",
    "state": "in place, or replaced since",
    "steps": "the steps for which it was found",
    "reviewed": "decision, reviewer and time, when it was asked for",
    "denied": "why rights forbid it by now, when it was asked for",
    "scan": "what became of its scan, when it was asked for",
}
"""The columns: name and meaning."""


def row_of(use: Use, *, denied: Sequence[str] = (), scan: str = "") -> dict[str, str | int]:
    """Return a row with the names of :data:`COLUMNS`."""
    item = use.written.publication
    return {
        "output": item.path,
        "source": item.source,
        "page": use.asset.page + 1,
        "inventory_no": use.asset.facts.get("inventory_no", ""),
        "title": use.asset.facts.get("title", ""),
        "asset": use.asset.uid,
        "sha256": item.output_digest,
        "run": use.written.run,
        "published": use.written.at.isoformat(timespec="seconds"),
        "state": "replaced" if use.written.replaced else "in place",
        "steps": " | ".join(use.steps),
        "reviewed": " | ".join(
            f"{decision} by {reviewer} {at.isoformat(timespec='seconds')}"
            for decision, reviewer, at in use.reviewed
        ),
        "denied": " | ".join(denied),
        "scan": scan,
    }


PAIR_COLUMNS: Mapping[str, str] = {
    "first": "path of a scan",
    "second": "path of a scan that looks like it",
    "bits": "how many of 64 bits of their perceptual hashes differ",
    "first_asset": "SHA-256 of the first, with #page when it has several",
    "second_asset": "of the second",
}
"""The columns of pairs of scans that look alike: name and meaning."""


def pair_row(pair: Pair) -> dict[str, str | int]:
    """Return a row with the names of :data:`PAIR_COLUMNS`."""
    return {name: getattr(pair, name) for name in PAIR_COLUMNS}


def write_rows(
    rows: Iterable[Mapping[str, str | int]], stream: IO[str], columns: Iterable[str] = COLUMNS
) -> int:
    """Write rows as CSV to a text stream; return how many.

    As :func:`archivist.report.tables.write_csv`: a text that a spreadsheet would take for a formula
    gets an apostrophe before it.
    """
    table, names = csv.writer(stream), tuple(columns)
    table.writerow(names)
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 (the last number is returned)
        table.writerow([spreadsheet_cell(row[name]) for name in names])
    return count
