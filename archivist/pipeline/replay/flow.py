"""The flow of a replay; see the package."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archivist.catalog import queries
from archivist.catalog.replays import Replayed, Verdict
from archivist.catalog.rows import RunState
from archivist.catalog.session import Catalog
from archivist.catalog.writer import Writer
from archivist.config import Settings
from archivist.hashing import digest_json
from archivist.ledger.keys import find_signing_key
from archivist.pipeline.job import login
from archivist.pipeline.replay.again import Replayer, Where
from archivist.pipeline.replay.targets import Target
from archivist.plugins import Plugins
from archivist.schedule.runner import StopSignal

Note = Callable[[Replayed], None]
"""Is told each verdict when it is given and recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Under which run the verdicts are recorded."""

    writer: Writer
    run: str


@dataclass(slots=True, kw_only=True)
class ReplayResult:
    """What came of it: verdicts counted, and the pictures of differences."""

    counts: Counter[Verdict] = field(default_factory=Counter)
    pictures: list[Path] = field(default_factory=list)
    stopped: bool = False

    @property
    def reproduced(self) -> bool:
        """True when every output that was asked for was made again."""
        return not self.stopped and all(verdict.reproduced for verdict in self.counts)


def start_record(
    catalog: Catalog,
    settings: Settings,
    *,
    command: str,
    operator: str,
    scans: Path | None,
    out: Path | None,
    facts: Mapping[str, object],
) -> Record:
    """Begin a run under which verdicts are recorded; a key that cannot sign is told first.

    What belongs to the archive stays with its runs: folders that were named instead of theirs are
    recorded as ``read_scans`` and ``read_out``.
    """
    key = find_signing_key(settings.ledger.signing_key, os.environ)
    newest = queries.runs(catalog, limit=1)
    before = newest[0].settings if newest else {}
    named = {name: before[name] for name in ("scans", "out") if name in before}
    named |= {f"read_{name}": str(one) for name, one in (("scans", scans), ("out", out)) if one}
    writer = Writer(catalog, sign=key.sign if key else None)
    who = operator or settings.operator or login()
    run = writer.start_run(command=command, operator=who, settings={**named, **facts})
    return Record(writer=writer, run=run)


def replay(
    catalog: Catalog,
    plugins: Plugins,
    where: Where,
    pages: Iterable[Sequence[Target]],
    *,
    note: Note,
    record: Record | None = None,
    stop: StopSignal | None = None,
) -> ReplayResult:
    """Do the recorded steps of targets again, and say of each output how it compares.

    Everything is made in a scratch folder that is removed; what is recorded and published is not
    touched. With ``record`` each verdict is kept before it is told.
    """
    stop, result = stop or StopSignal(), ReplayResult()
    state = RunState.FAILED
    try:
        with (
            tempfile.TemporaryDirectory(prefix="archivist-replay-") as scratch,
            Replayer(catalog, plugins, where, Path(scratch), stop) as replayer,
        ):
            for verdicts, environment in replayer.replay(pages):
                if record is not None:
                    machine = (digest_json(environment), environment) if environment else None
                    record.writer.add_replays(record.run, verdicts, machine)
                for one in verdicts:
                    result.counts[one.verdict] += 1
                    note(one)
            result.pictures = replayer.drawn
        result.stopped = stop.draining
        state = RunState.INTERRUPTED if result.stopped else RunState.DONE
    except KeyboardInterrupt:
        state = RunState.INTERRUPTED
        raise
    finally:
        if record is not None:
            record.writer.finish_run(record.run, state)
    return result
