"""Withdraw a photograph as a reference, and tell which results must be made again for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from archivist.api.errors import UsageError
from archivist.catalog import queries
from archivist.catalog.borrowing import Borrowing, borrowings_of
from archivist.catalog.session import Catalog
from archivist.catalog.writer import Writer
from archivist.config import ReviewSettings
from archivist.model import Asset, counted
from archivist.report.named import named
from archivist.report.words import readable
from archivist.review.people import reason_of, reviewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What was withdrawn, or may lend ``again``, and the results in place that borrowed from it."""

    name: str
    assets: tuple[str, ...]
    by: str
    reason: str
    again: bool
    borrowed: tuple[Borrowing, ...]
    approved: frozenset[str]
    """Assets among the borrowers whose results are approved, and so stay."""

    def facts(self) -> dict[str, object]:
        """Return it for programs."""
        return {
            "assets": list(self.assets),
            "withdrawn": not self.again,
            "by": self.by,
            "reason": self.reason,
            "borrowed": [
                asdict(one) | {"approved": one.asset in self.approved} for one in self.borrowed
            ],
        }

    def lines(self) -> Iterator[str]:
        """Yield it as sentences for people."""
        name = readable(self.name)
        if self.again:
            yield f"{name} may lend again. The next run chooses references anew where it fits."
            return
        yield f"{name} lends nothing any more."
        outputs = list(dict.fromkeys((one.output, one.asset) for one in self.borrowed))
        if not outputs:
            yield "No result in place borrowed from it."
            return
        what = counted(len(outputs), "result")
        yield f"{what} in place borrowed from it; the next run makes anew:"
        for output, asset in outputs:
            stays = ", approved: stays until it is rejected" if asset in self.approved else ""
            yield f"  {readable(output)}{stays}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lending:
    """Decides which photographs may lend, in a catalog that is open for writing."""

    catalog: Catalog
    policy: ReviewSettings
    out: Path | None = None

    def withdraw(self, name: str, *, by: str, reason: str) -> Withdrawn:
        """Withdraw a photograph. Raises UsageError when it is withdrawn already."""
        assets = self._assets(name)
        known = queries.withdrawals(self.catalog)
        if all(one.uid in known for one in assets):
            first = known[assets[0].uid]
            raise UsageError(
                f"{readable(name)} was withdrawn by {readable(first.by)} on {first.at:%Y-%m-%d}. "
                "Nothing is to be done"
            )
        return self._decide(name, assets, by=by, reason=reason_of(reason, needed=True), again=False)

    def restore(self, name: str, *, by: str, reason: str) -> Withdrawn:
        """Let a withdrawn photograph lend again. Raises UsageError when it is not withdrawn."""
        known = queries.withdrawals(self.catalog)
        assets = [one for one in self._assets(name) if one.uid in known]
        if not assets:
            raise UsageError(
                f"{readable(name)} is not withdrawn. Cure: archivist references withdrawn lists "
                "what is"
            )
        return self._decide(name, assets, by=by, reason=reason_of(reason, needed=False), again=True)

    def _assets(self, name: str) -> Sequence[Asset]:
        return named(self.catalog, name, out=self.out).assets

    def _decide(
        self, name: str, assets: Sequence[Asset], *, by: str, reason: str, again: bool
    ) -> Withdrawn:
        uids = tuple(one.uid for one in assets)
        who = reviewer(by, ReviewSettings())
        borrowed = tuple(one for uid in uids for one in borrowings_of(self.catalog, uid))
        approved = queries.pinned(self.catalog, {one.asset for one in borrowed}, self.policy)
        Writer(self.catalog).withdraw_references(uids, by=who, reason=reason, again=again)
        return Withdrawn(
            name=name,
            assets=uids,
            by=who,
            reason=reason,
            again=again,
            borrowed=borrowed,
            approved=frozenset(approved),
        )
