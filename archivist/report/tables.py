"""The report as a table for spreadsheets: one row for each page and each refused file.

Paths are exact; a byte that is no UTF-8 stands as in :func:`archivist.model.path_to_text`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from archivist.report.rights_words import rights_lines
from archivist.report.rows import ReportAsset, ReportRefusal, ReportSource
from archivist.store.atomic import replacing

# A spreadsheet takes a cell that begins with one of these for a formula, also with the full-width
# signs, and some skip a leading tab or line break first.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")

Cell = Callable[[ReportAsset], object]


def _paths(asset: ReportAsset) -> str:
    return " | ".join(file.path for file in asset.files)


def _digests(asset: ReportAsset) -> str:
    return " | ".join(file.digest for file in asset.files)


def _steps(asset: ReportAsset) -> str:
    return " | ".join(f"{step.step} v{step.version} {step.status}" for step in asset.steps)


def _similar(asset: ReportAsset) -> str:
    return " | ".join((*asset.copies, *(other.path for other in asset.similar)))


def _review(asset: ReportAsset) -> str:
    review = asset.review
    return "" if review is None else f"{review.said} by {review.reviewer}"


def _denied(asset: ReportAsset) -> str:
    return " | ".join(rights_lines(asset))


def _flags(asset: ReportAsset) -> str:
    return " | ".join(f"{flag.check} after {flag.step}: {flag.reason}" for flag in asset.flags)


def _tags(which: str) -> Cell:
    return lambda asset: sum(len(getattr(file.contract, which)) for file in asset.files)


def _lost(asset: ReportAsset) -> str:
    lost = (file.contract.lost for file in asset.files)
    return " | ".join(f"{name}: {why}" for tags in lost for name, why in tags.items())


def _fact(name: str) -> Cell:
    return lambda asset: asset.facts.get(name, "")


COLUMNS: dict[str, tuple[str, Cell]] = {
    "path": ("path of the scan, relative to the folder of scans", lambda a: a.path),
    "page": ("page, from 1", lambda a: a.page + 1),
    "result": (
        "restored, unchanged, denied, held, failed, waiting, not asked, refused, skipped",
        lambda a: a.result,
    ),
    "code": ("the cause in a word, when it failed or was refused", lambda a: a.code),
    "reason": ("the cause in words, with the cure", lambda a: a.message),
    "digest": ("SHA-256 of the scan", lambda a: a.digest),
    "format": ("format of the scan", lambda a: a.format),
    "width": ("pixels, upright", lambda a: a.width),
    "height": ("pixels, upright", lambda a: a.height),
    "depth": ("bits per channel", lambda a: a.depth),
    "colour": ("grey or rgb", lambda a: a.colour),
    "steps": ("each step with its version and how it ended", _steps),
    "changed": ("share of changed pixels, 0 to 1", lambda a: a.changed),
    "conjectural": ("steps that invented content", lambda a: " | ".join(a.conjectural)),
    "review": ("approved or rejected, and by whom", _review),
    "denied": ("what rights deny by now, and what that means for its outputs", _denied),
    "flags": ("what checks want a person to look at", _flags),
    "seconds": ("time of the worker", lambda a: round(a.seconds, 3)),
    "outputs": ("output files, relative to the output folder", _paths),
    "output_digests": ("SHA-256 of each output file", _digests),
    "tags_kept": ("metadata tags kept, all outputs together", _tags("kept")),
    "tags_changed": ("metadata tags changed on purpose", _tags("changed")),
    "tags_added": ("metadata tags added", _tags("added")),
    "tags_lost": ("metadata tags lost, with reasons", _lost),
    "similar": ("other scans with the same or a similar picture", _similar),
    "inventory_no": ("from the manifest", _fact("inventory_no")),
    "title": ("from the manifest", _fact("title")),
    "date": ("from the manifest", _fact("date")),
    "series": ("from the manifest", _fact("series")),
    "rights": ("from the manifest", _fact("rights")),
    "object_id": ("from the manifest", _fact("object_id")),
}
"""The columns of the CSV: name, meaning, and how the cell is made. Lists are joined by `` | ``."""


def write_csv(source: ReportSource, path: Path) -> None:
    """Write one row for each page and each refused or skipped file. Raises OSError.

    The file begins with a byte order mark, without which Excel takes UTF-8 for the code page of the
    machine and spoils every accent; other readers know it (``utf-8-sig``). Lines end with CR LF
    (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as stream,
    ):
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for asset in source.assets():
            table.writerow([spreadsheet_cell(cell(asset)) for _, cell in COLUMNS.values()])
        for refusal in source.refusals():
            table.writerow([spreadsheet_cell(_refusal_cell(refusal, name)) for name in COLUMNS])


def _refusal_cell(refusal: ReportRefusal, column: str) -> object:
    return getattr(refusal, column, "")


def spreadsheet_cell(value: object) -> object:
    """Return a value as a cell; text that begins like a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = str(value).replace("\0", "\\0")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
