"""Which photographs lent to which: what was chosen for one, and where another was used.

It is told of the records behind results as they are now, also where a later run took an earlier
choice over without recording it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from archivist.catalog.behind import records_behind
from archivist.catalog.lineage import endings_of
from archivist.catalog.session import Catalog
from archivist.catalog.uses import borrowed_from, uses
from archivist.lending import LOOKALIKES, Lends, lends
from archivist.model import InputUse, Role, Status, StepRecord

_SNAPSHOT = re.compile(r"index snapshot ([0-9a-f]{64})")
_REFUSED = re.compile(r"refused ([0-9a-f]{64}(?:#\d+)?): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A choice of references or exemplars: the best first, or the ``reason`` why there are none.

    ``refused`` tells of each photograph that was looked at and refused, by its uid, why.
    """

    step: str
    lends: Lends
    """What was to be borrowed."""
    status: str
    reason: str
    snapshot: str
    """Digest of the index in which was looked; empty when it was not recorded."""
    references: tuple[InputUse, ...]
    refused: tuple[tuple[str, str], ...]
    run: str
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowing:
    """An output that may hold texture or colour of a photograph; ``reason`` tells where and why."""

    output: str
    source: str
    asset: str
    step: str
    lends: Lends
    score: float | None
    reason: str
    run: str
    record: str


def chosen_for(catalog: Catalog, asset: str) -> tuple[Chosen, ...]:
    """Return the choices behind the newest result of an asset for which any were made."""
    for ending in reversed(endings_of(catalog, asset)):
        chain, _ = records_behind(catalog, {asset: ending.number}).get(asset, ((), None))
        found = tuple(_chosen(one.record, one.run) for one in chain if _chooses(one.record))
        if found:
            return found
    return ()


def _chooses(record: StepRecord) -> bool:
    return any(use.port in LOOKALIKES for use in record.inputs)


def _chosen(record: StepRecord, run: str) -> Chosen:
    asked = [use for use in record.inputs if use.port in LOOKALIKES]
    snapshot = next((found[1] for use in asked if (found := _SNAPSHOT.search(use.note))), "")
    return Chosen(
        step=record.step,
        lends=LOOKALIKES[asked[0].port],
        status=str(record.status),
        reason=record.reason,
        snapshot=snapshot,
        references=tuple(use for use in record.inputs if use.role == Role.CHOSEN),
        refused=tuple(_refusals(record)),
        run=run,
        record=record.digest,
    )


def _refusals(record: StepRecord) -> Iterator[tuple[str, str]]:
    """Yield what the step said of those that it refused."""
    for line in record.log:
        found = _REFUSED.search(line)
        if found:
            yield found[1], found[2]


def borrowings_of(catalog: Catalog, asset: str) -> Iterator[Borrowing]:
    """Yield the outputs in place that may hold texture or colour of an asset, the oldest first.

    A page is told from the others of its file.
    """
    for use in uses(catalog, [borrowed_from([asset.partition("#")[0]])]):
        written, borrower = use.written, use.asset.uid
        for made in use.behind:
            if made.record.status not in (Status.DONE, Status.REUSED):
                continue
            for lent in made.record.inputs:
                if lent.role == Role.REFERENCE and lent.asset == asset:
                    yield Borrowing(
                        output=written.publication.path,
                        source=written.publication.source,
                        asset=borrower,
                        step=made.record.step,
                        lends=lends(lent.port),
                        score=lent.score,
                        reason=lent.note,
                        run=written.run,
                        record=made.record.digest,
                    )
