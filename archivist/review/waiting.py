"""The queue: results that nobody has decided about, those first that are worth a look most."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from archivist.catalog.queries import standings
from archivist.catalog.rows import Published
from archivist.catalog.scored import Scored, scored
from archivist.catalog.session import Catalog
from archivist.catalog.standing import Standing, State
from archivist.config import ReviewSettings
from archivist.model import Asset
from archivist.review.measures import Reason, assess, weighted

_TOGETHER = 500
_WAITING = (State.OPEN, State.AWAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A result that waits for a decision; ``risk`` 0..1."""

    result: Scored
    standing: Standing
    risk: float
    reasons: tuple[Reason, ...]

    @property
    def name(self) -> str:
        """What people call the photograph."""
        return called(self.result.asset, self.result.paths, self.standing.files)


def called(asset: Asset, paths: Sequence[str], files: Sequence[Published]) -> str:
    """Return what people call a photograph: its scan, else its output, else its first digits.

    A scan that is gone or was replaced has no path; that is said.
    """
    page = f" page {asset.page + 1}" if asset.pages > 1 else ""
    if paths:
        return paths[0] + page
    if files:
        return f"{files[-1].path}{page} (an output; its scan is gone or was replaced)"
    return asset.uid[:12] + page


def queue(
    catalog: Catalog,
    policy: ReviewSettings,
    *,
    limit: int | None = None,
    run: str | None = None,
) -> list[Waiting]:
    """Return the results that wait, the riskiest first; equal ones in the order of discovery.

    A result that is a byte copy of its scan holds nothing to decide about and does not wait.
    """
    numbered = enumerate(_waiting(catalog, policy, run))
    order = heapq.nsmallest(
        limit if limit is not None else 10**9, numbered, key=lambda one: (-one[1].risk, one[0])
    )
    return [one for _, one in order]


def look_at(catalog: Catalog, policy: ReviewSettings, uid: str) -> Waiting | None:
    """Return one result as the queue would show it, decided about or not; None without output."""
    found = next(scored(catalog, assets=[uid]), None)
    if found is None:
        return None
    risk, reasons = assess(found, weighted(policy.weights))
    standing = standings(catalog, [uid], policy)[uid]
    return Waiting(result=found, standing=standing, risk=risk, reasons=reasons)


def _waiting(catalog: Catalog, policy: ReviewSettings, run: str | None) -> Iterator[Waiting]:
    weights = weighted(policy.weights)
    results = scored(catalog, run=run)
    while page := list(islice(results, _TOGETHER)):
        found = standings(catalog, [one.asset.uid for one in page], policy)
        for one in page:
            standing = found[one.asset.uid]
            changed = any(not file.untouched for file in standing.files)
            if standing.state in _WAITING and changed:
                risk, reasons = assess(one, weights)
                yield Waiting(result=one, standing=standing, risk=risk, reasons=reasons)
