"""All stages joined; read :mod:`archivist.pipeline.flow` first."""

from archivist.pipeline.exporting import ExportResult, ExportState, last_act
from archivist.pipeline.flow import Planned, RunResult, plan, run, scan
from archivist.pipeline.job import Job, Watcher

__all__ = [
    "ExportResult",
    "ExportState",
    "Job",
    "Planned",
    "RunResult",
    "Watcher",
    "last_act",
    "plan",
    "run",
    "scan",
]
