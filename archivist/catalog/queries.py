"""All questions to the catalog, in one place; each takes the open catalog first.

Answers are plain frozen values (:mod:`archivist.catalog.rows`, :mod:`archivist.model`); long ones
are pages or iterators, so that a million assets never lie in memory.
"""

from __future__ import annotations

from archivist.catalog.endings import (
    last_failures,
    last_outcomes,
    publications_of,
    published,
    reviews,
)
from archivist.catalog.files import PresentFile, present_files
from archivist.catalog.history import (
    all_records,
    count_ended,
    events,
    failures,
    folders,
    near_duplicates,
    outcomes,
    records_of,
    run,
    run_counts,
    runs,
    totals,
)
from archivist.catalog.kin import derivatives, near_of, near_state, outputs_among_scans
from archivist.catalog.lookups import FileStats, assets_of, file_stats, paths_of, refusals, sizes_of
from archivist.catalog.named import assets_named
from archivist.catalog.queue import count_pending, pending_units, tasks_of, work_units
from archivist.catalog.reports import artifacts, flagged, publications, report_rows
from archivist.catalog.results import failed_before, known, previous
from archivist.catalog.rights import denials_in_force, withdrawals
from archivist.catalog.standing import all_reviews, approved, pinned, standings
from archivist.catalog.upkeep import environment, info, referenced_blobs, weights_seen

__all__ = [
    "FileStats",
    "PresentFile",
    "all_records",
    "all_reviews",
    "approved",
    "artifacts",
    "assets_named",
    "assets_of",
    "count_ended",
    "count_pending",
    "denials_in_force",
    "derivatives",
    "environment",
    "events",
    "failed_before",
    "failures",
    "file_stats",
    "flagged",
    "folders",
    "info",
    "known",
    "last_failures",
    "last_outcomes",
    "near_duplicates",
    "near_of",
    "near_state",
    "outcomes",
    "outputs_among_scans",
    "paths_of",
    "pending_units",
    "pinned",
    "present_files",
    "previous",
    "publications",
    "publications_of",
    "published",
    "records_of",
    "referenced_blobs",
    "refusals",
    "report_rows",
    "reviews",
    "run",
    "run_counts",
    "runs",
    "sizes_of",
    "standings",
    "tasks_of",
    "totals",
    "weights_seen",
    "withdrawals",
    "work_units",
]
