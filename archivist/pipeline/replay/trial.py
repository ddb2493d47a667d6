"""Certify an upgrade: try other versions or weights of steps on a sample of recorded results."""

from __future__ import annotations

import difflib
import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from archivist.api.errors import UsageError
from archivist.catalog.certifications import Change, scans_with
from archivist.catalog.replays import Replayed
from archivist.catalog.rows import RunState
from archivist.catalog.session import Catalog
from archivist.pipeline.replay.again import Replayer, Where
from archivist.pipeline.replay.flow import Note, Record
from archivist.pipeline.replay.targets import Target, sampled, targets_in_force
from archivist.plugins import Plugins
from archivist.schedule.runner import StopSignal

_LISTED = 1000
"""Outputs of a sample that are recorded by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a trial showed. ``number`` is that of its record, 0 where none was kept."""

    changes: tuple[Change, ...]
    results: Mapping[str, Any]
    pictures: tuple[Path, ...] = ()
    number: int = 0
    stopped: bool = False


def steps_named(plugins: Plugins, name: str) -> tuple[str, ...]:
    """Return the steps that a step id, a plugin or a distribution means. Raises UsageError."""
    if name in plugins.steps:
        return (name,)
    owners = plugins.owners.items()
    owned = [step for step, info in owners if name in (info.name, info.distribution)]
    if owned:
        return tuple(owned)
    known = [*plugins.steps, *{info.distribution for _, info in owners}]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(
        f"{name!r} is no installed step, plugin or distribution; {hint}"
        "Cure: archivist plugins list shows them"
    )


def certify(
    catalog: Catalog,
    plugins: Plugins,
    where: Where,
    name: str,
    *,
    sample: int,
    seed: int,
    note: Note,
    record: Record | None = None,
    stop: StopSignal | None = None,
) -> Trial:
    """Do recorded steps again with what is installed now, on a sample of scans.

    Only results that other versions or weights made take part. Nothing published is touched.
    """
    stop, steps = stop or StopSignal(), steps_named(plugins, name)
    where = replace(where, trial=frozenset(steps))
    state = RunState.FAILED
    told: list[Replayed] = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="archivist-certify-") as scratch,
            Replayer(catalog, plugins, where, Path(scratch), stop) as replayer,
        ):
            scans: set[str] = set()
            digests = iter(sampled(scans_with(catalog, steps), 0, seed, shuffled=True))
            pages = _pages(catalog, digests, lambda: sample - len(scans))
            for verdicts, _ in replayer.replay(pages):
                told += verdicts
                scans.update(one.source for one in verdicts)
                for one in verdicts:
                    note(one)
            trial = Trial(
                changes=tuple(sorted(replayer.changes)),
                results=_results(told, len(scans), where.tolerance, plugins, steps),
                pictures=tuple(replayer.drawn),
                stopped=stop.draining,
            )
        state = RunState.INTERRUPTED if trial.stopped else RunState.DONE
        if record is not None and told and not trial.stopped:
            number = record.writer.add_certification(
                record.run, name=name, changes=trial.changes, results=trial.results
            )
            trial = replace(trial, number=number)
    finally:
        if record is not None:
            record.writer.finish_run(record.run, state)
    return trial


def tolerance_of(plugins: Plugins, steps: Sequence[str]) -> float:
    """Return the largest tolerance that steps declare."""
    return max((plugins.steps[step].tolerance for step in steps), default=0.0)


def _pages(catalog: Catalog, digests: Iterator[str], left: Any) -> Iterator[list[Target]]:
    """Yield targets, as many at a time as are still wanted."""
    while left() > 0:
        page = list(islice(digests, left()))
        if not page:
            return
        yield list(targets_in_force(catalog, page))


def _results(
    told: Sequence[Replayed],
    sample: int,
    tolerance: float | None,
    plugins: Plugins,
    steps: Sequence[str],
) -> dict[str, Any]:
    counts = Counter(str(one.verdict) for one in told)
    measured = [one.detail for one in told if "largest" in one.detail]
    ratios = [one.get("psnr", math.inf) for one in measured]
    found: dict[str, Any] = {
        "sample": sample,
        "counts": dict(counts),
        "tolerance": tolerance_of(plugins, steps) if tolerance is None else tolerance,
        "largest": max((one["largest"] for one in measured), default=0.0),
        "mean": sum(one["mean"] for one in measured) / max(1, len(told)),
        "share": sum(one["share"] for one in measured) / max(1, len(told)),
        "outputs": [
            [one.path, one.output_digest, str(one.verdict), one.detail.get("largest", 0.0)]
            for one in told[:_LISTED]
        ],
    }
    worst = min(ratios, default=math.inf)
    return found if math.isinf(worst) else found | {"psnr": worst}
