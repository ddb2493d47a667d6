"""The queue: results that nobody has decided about, those first that are worth a look most."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from archivist.catalog.queries import standings
from archivist.catalog.scored import Scored, scored
from archivist.catalog.session import Catalog
from archivist.catalog.standing import Standing, State
from archivist.config import ReviewSettings
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
        asset = self.result.asset
        path = self.result.paths[0] if self.result.paths else asset.uid[:12]
        return path + (f" page {asset.page + 1}" if asset.pages > 1 else "")


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
