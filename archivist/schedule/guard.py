"""Keeps one bad unit from taking its batch with it; the same in this process and in a worker."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archivist.model import (
    MESSAGE_LENGTH,
    AssetOutcome,
    Status,
    UnitOutcome,
    WorkUnit,
    now,
    shortened,
)

if TYPE_CHECKING:
    from archivist.schedule.runner import Work

log = logging.getLogger(__name__)

FAULT = "worker-fault"
"""Code of a unit for which the engine itself failed in the worker."""
KILLED = "killed-worker"
"""Code of a unit whose worker process died with it, twice."""


def carry_out(work: Work, units: Sequence[WorkUnit]) -> list[UnitOutcome]:
    """Return one outcome for each unit, in the order of the units.

    When ``work`` raises or forgets a unit, the units are tried one by one, and those that fail
    again come back as failed with code ``worker-fault``.
    """
    # This is the border of step execution: whatever is raised in here, by a plugin or a library,
    # must become the outcome of a unit, or one bad file would stop a run of a million.
    try:
        return _in_order(work(units), units)
    except Exception as error:  # noqa: BLE001
        if len(units) == 1:
            return [failed(units[0], FAULT, _fault_text(error))]
        what = shortened(str(error))
        log.warning("a batch of %d units is tried one by one: %s", len(units), what)
    return [carry_out(work, [unit])[0] for unit in units]


def failed(unit: WorkUnit, code: str, message: str, *, worker: str = "") -> UnitOutcome:
    """Return the outcome of a unit of which every asset failed for the same reason."""
    return UnitOutcome(
        unit=unit.uid,
        assets=tuple(
            AssetOutcome(asset=page.asset.uid, status=Status.FAILED, code=code, message=message)
            for file in unit.files
            if unit.sequence is None or not file.rests
            for page in file.pages
        ),
        worker=worker,
        started=now(),
        seconds=0.0,
        handed=unit.handed,  # the rest of a sequence goes on from there
    )


def name_of(unit: WorkUnit) -> str:
    """Return what people call a unit: the path of its file, or its first and the count."""
    paths = [path for file in unit.files for path in file.paths[:1]]
    if not paths:
        return unit.uid
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more of its sequence"


def killed_text(unit: WorkUnit) -> str:
    """Return the message for a unit that took its worker process with it."""
    need = f", it was expected to need {unit.ram_mib:.0f} MiB" if unit.ram_mib else ""
    return (
        f"the worker process died twice while it worked on {name_of(unit)}: it ran out of memory"
        f"{need}, or a library crashed. Cure: free memory or use --workers 1, then run the same "
        "command again; if it dies again, look at the scan with another program"
    )


def _in_order(outcomes: Sequence[UnitOutcome], units: Sequence[WorkUnit]) -> list[UnitOutcome]:
    by_unit = {outcome.unit: outcome for outcome in outcomes}
    missing = [unit.uid for unit in units if unit.uid not in by_unit]
    if missing:
        raise LookupError(f"the work gave no outcome for {', '.join(missing[:3])}")
    return [by_unit[unit.uid] for unit in units]


def _fault_text(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    what = shortened(f"{type(error).__name__}: {error}", MESSAGE_LENGTH // 2)
    return (
        f"a fault of archivist or of a library in the worker: {what}"
        f"{place}. Cure: run the same command again; if it stays, report it with this message"
    )
