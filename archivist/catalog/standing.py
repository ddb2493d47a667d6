"""Where results stand with the people who review them.

A review names the output files that were looked at. It speaks of a result as long as these are the
files in place: what a later run replaced is not approved, whoever approved its predecessor.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import select

from archivist.catalog import tables
from archivist.catalog.bulk import pages
from archivist.catalog.endings import approval_of, publications_of
from archivist.catalog.reading import ids_of_assets, uid_of
from archivist.catalog.rows import Approval, Decision, Published
from archivist.catalog.session import Catalog
from archivist.config import ReviewSettings


class State(StrEnum):
    """What people have decided about a result."""

    OPEN = "open"
    """Nobody has decided about it."""
    AWAITING = "awaiting"
    """Approved, but not by as many as the configuration asks for."""
    APPROVED = "approved"
    """It is pinned: later runs leave it as it is."""
    REJECTED = "rejected"
    """It is not good; later runs may make it anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the result of an asset stands. ``files`` are the outputs in place of its scan.

    ``approvals`` count: of different persons, since the newest rejection of this result.
    """

    asset: str
    state: State
    approvals: tuple[Approval, ...] = ()
    rejection: Approval | None = None
    files: tuple[Published, ...] = ()
    operators: frozenset[str] = field(default_factory=frozenset)
    """Who ran what made them."""

    @property
    def results(self) -> tuple[str, ...]:
        """The SHA-256 digests of the outputs in place."""
        return tuple(sorted({file.output_digest for file in self.files}))


def person(name: str) -> str:
    """Return what tells persons apart: a name without regard to case, blanks and unseen signs."""
    seen = (char for char in name if unicodedata.category(char) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", "".join(seen)).casefold().split())


def standings(
    catalog: Catalog,
    assets: Iterable[str],
    policy: ReviewSettings | None = None,
    *,
    own: bool = False,
) -> dict[str, Standing]:
    """Return where the results of assets stand under a policy, by uid.

    With ``own`` the newest result of each scan counts as in place, also where the result of another
    scan has replaced it since.
    """
    found: dict[str, Standing] = {}
    for page in pages(set(assets)):
        files = _in_place(catalog, page, own=own)
        operators = _operators(catalog, {one.run for some in files.values() for one in some})
        said = all_reviews(catalog, page)
        for uid in page:
            there = files.get(uid.partition("#")[0], ())
            who = frozenset(operators[one.run] for one in there if operators.get(one.run))
            reviews = said.get(uid, ())
            found[uid] = _standing(uid, there, who, reviews, policy or ReviewSettings())
    return found


def pinned(
    catalog: Catalog, assets: Iterable[str], policy: ReviewSettings | None = None
) -> dict[str, Approval]:
    """Return the newest approval of each approved result that lies in place, by the catalog."""
    found = _with_reviews(catalog, assets, policy)
    return {uid: one.approvals[-1] for uid, one in found.items() if one.state is State.APPROVED}


def approved(
    catalog: Catalog, assets: Iterable[str], policy: ReviewSettings | None = None
) -> dict[str, Standing]:
    """Return the approved results, also those that another scan's result has replaced since.

    What a person approved is owed to them wherever it is: a planner leaves it alone, or has it made
    again as it was.
    """
    found = _with_reviews(catalog, assets, policy, own=True)
    return {uid: one for uid, one in found.items() if one.state is State.APPROVED}


def _with_reviews(
    catalog: Catalog, assets: Iterable[str], policy: ReviewSettings | None, *, own: bool = False
) -> dict[str, Standing]:
    """Return the standings of those assets that somebody reviewed: mostly few."""
    reviewed = [uid for page in pages(set(assets)) for uid in all_reviews(catalog, page)]
    return standings(catalog, reviewed, policy, own=own) if reviewed else {}


def all_reviews(catalog: Catalog, assets: Sequence[str]) -> dict[str, tuple[Approval, ...]]:
    """Return every review of assets, notes included, oldest first."""
    table = tables.review.c
    found: defaultdict[str, list[Approval]] = defaultdict(list)
    with catalog.reading() as connection:
        for page in pages(assets):
            uids = ids_of_assets(connection, page)
            rows = connection.execute(
                select(tables.review).where(table.asset_id.in_(list(uids))).order_by(table.id)
            )
            for row in rows:
                found[uids[row.asset_id]].append(approval_of(row, uids[row.asset_id]))
    return {uid: tuple(reviews) for uid, reviews in found.items()}


def _in_place(
    catalog: Catalog, assets: Iterable[str], *, own: bool
) -> dict[str, tuple[Published, ...]]:
    found: defaultdict[str, tuple[Published, ...]] = defaultdict(tuple)
    published = publications_of(catalog, {uid.partition("#")[0] for uid in assets}, own=own)
    for (digest, _, _), files in published.items():
        found[digest] += tuple(files)
    return dict(found)


def _operators(catalog: Catalog, runs: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    run = tables.run.c
    with catalog.reading() as connection:
        for page in pages(runs):
            rows = connection.execute(select(run.uid, run.operator).where(run.uid.in_(page)))
            found.update((row.uid, row.operator) for row in rows)
    return found


def _standing(
    uid: str,
    files: tuple[Published, ...],
    operators: frozenset[str],
    reviews: Sequence[Approval],
    policy: ReviewSettings,
) -> Standing:
    in_place = {file.output_digest for file in files}
    barred = set() if policy.by_operator else {person(name) for name in operators}
    approvals: dict[str, Approval] = {}
    rejection: Approval | None = None
    for one in reviews:
        if not one.speaks_of(in_place):
            continue  # it was of an earlier result
        if one.decision is Decision.REJECT:
            approvals, rejection = {}, one
        elif one.decision is Decision.APPROVE and person(one.reviewer) not in barred:
            approvals.pop(person(one.reviewer), None)
            approvals[person(one.reviewer)], rejection = one, None
    return Standing(
        asset=uid,
        state=_state(len(approvals), rejection, policy),
        approvals=tuple(approvals.values()),
        rejection=rejection,
        files=files,
        operators=operators,
    )


def _state(approvals: int, rejection: Approval | None, policy: ReviewSettings) -> State:
    if approvals >= policy.approvals:
        return State.APPROVED
    if approvals:
        return State.AWAITING
    return State.REJECTED if rejection else State.OPEN


def newest_reviews(
    catalog: Catalog,
    *,
    assets: Sequence[str] | None = None,
    by: str | None = None,
    decision: str | None = None,
    limit: int = 100,
) -> tuple[Approval, ...]:
    """Return what people said last, newest first: of all assets or some, by all or one."""
    table, asset = tables.review.c, tables.asset.c
    wanted = (
        select(*tables.review.c, asset.digest, asset.page, asset.pages)
        .join(tables.asset, asset.id == table.asset_id)
        .order_by(table.id.desc())
    )
    if decision is not None:
        wanted = wanted.where(table.decision == decision)
    found: list[Approval] = []
    with catalog.reading() as connection:
        if assets is not None:
            wanted = wanted.where(table.asset_id.in_(list(ids_of_assets(connection, assets))))
        for row in connection.execution_options(yield_per=1000).execute(wanted):
            if by is None or person(row.reviewer) == person(by):
                found.append(approval_of(row, uid_of(row.digest, row.page, row.pages)))
            if len(found) == limit:
                break
    return tuple(found)
