"""All stages joined; read :mod:`archivist.pipeline.flow` first."""

from archivist.pipeline.flow import Planned, RunResult, plan, run, scan
from archivist.pipeline.job import Job, Watcher

__all__ = ["Job", "Planned", "RunResult", "Watcher", "plan", "run", "scan"]
