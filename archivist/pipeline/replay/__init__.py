"""Do recorded steps again, and say how what comes out compares with what was published.

The flow: :mod:`~archivist.pipeline.replay.targets` says which outputs are meant, ``prepare`` makes
of each recorded result a unit of work or tells what is missing for it, ``again`` hands the units to
workers in a scratch folder, ``judge`` gives the verdicts, and ``flow`` joins these and records.
"""

from archivist.pipeline.replay.again import Where
from archivist.pipeline.replay.flow import Record, ReplayResult, replay, start_record
from archivist.pipeline.replay.targets import (
    Target,
    run_asked,
    targets_of_file,
    targets_of_run,
)
from archivist.pipeline.replay.trial import Trial, certify, steps_named

__all__ = [
    "Record",
    "ReplayResult",
    "Target",
    "Trial",
    "Where",
    "certify",
    "replay",
    "run_asked",
    "start_record",
    "steps_named",
    "targets_of_file",
    "targets_of_run",
]
