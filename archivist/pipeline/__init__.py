"""All stages joined; read :mod:`archivist.pipeline.run` first."""

from archivist.pipeline.job import Job, Watcher
from archivist.pipeline.run import Planned, RunResult, plan, run, scan

__all__ = ["Job", "Planned", "RunResult", "Watcher", "plan", "run", "scan"]
