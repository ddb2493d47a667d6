"""How assets ended: newest outcomes, reviews, and what lies in the output folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from archivist.catalog import tables
from archivist.catalog.bulk import pages
from archivist.catalog.in_place import OVERWRITTEN, OVERWRITTEN_BY_ITS_OWN
from archivist.catalog.reading import ids_of_assets
from archivist.catalog.rows import Approval, Decision, Outcome, Published
from archivist.catalog.session import Catalog


def last_outcomes(catalog: Catalog, assets: Iterable[str]) -> dict[str, Outcome]:
    """Return how assets ended in the newest run that treated them."""
    table = tables.asset_outcome.c
    found: dict[str, Outcome] = {}
    with catalog.reading() as connection:
        for page in pages(set(assets)):
            uids = ids_of_assets(connection, page)
            for row in connection.execute(
                select(*tables.asset_outcome.c, tables.run.c.uid)
                .join(tables.run, tables.run.c.id == table.run_id)
                .where(table.asset_id.in_(list(uids)))
                .order_by(table.run_id)
            ):
                found[uids[row.asset_id]] = Outcome(
                    asset=uids[row.asset_id],
                    status=row.status,
                    code=row.code,
                    message=row.message,
                    seconds=row.seconds,
                    run=row.uid,
                )
    return found


def last_failures(catalog: Catalog, assets: Iterable[str]) -> dict[str, Outcome]:
    """Return the assets that failed in the newest run that treated them."""
    outcomes = last_outcomes(catalog, assets)
    return {uid: outcome for uid, outcome in outcomes.items() if outcome.status == "failed"}


def reviews(catalog: Catalog, assets: Iterable[str]) -> dict[str, Approval]:
    """Return the newest decision about each asset's result; notes decide nothing.

    What was said of a result that has been replaced since is left out.
    """
    table = tables.review.c
    said: defaultdict[str, list[Approval]] = defaultdict(list)
    with catalog.reading() as connection:
        for page in pages(set(assets)):
            uids = ids_of_assets(connection, page)
            for row in connection.execute(
                select(tables.review)
                .where(table.asset_id.in_(list(uids)), table.decision != Decision.NOTE.value)
                .order_by(table.id)
            ):
                said[uids[row.asset_id]].append(approval_of(row, uids[row.asset_id]))
    lying = results_in_place(catalog, said) if said else {}
    newest = {
        uid: [one for one in some if one.speaks_of(lying.get(uid, frozenset()))]
        for uid, some in said.items()
    }
    return {uid: some[-1] for uid, some in newest.items() if some}


def results_in_place(catalog: Catalog, assets: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the SHA-256 of the output files in place of each asset's scan, by uid."""
    uids = list(assets)
    found: defaultdict[str, set[str]] = defaultdict(set)
    lying = publications_of(catalog, {uid.partition("#")[0] for uid in uids})
    for (digest, _, _), files in lying.items():
        found[digest] |= {file.output_digest for file in files}
    return {uid: frozenset(found[uid.partition("#")[0]]) for uid in uids}


def approval_of(row: Any, uid: str) -> Approval:
    """Return a row of the table of reviews as a value."""
    return Approval(
        asset=uid,
        decision=Decision(row.decision),
        reviewer=row.reviewer,
        reason=row.reason,
        at=row.at,
        records=row.records,
        results=row.results,
        redo=row.redo or {},
    )


def published(catalog: Catalog, digests: Iterable[str]) -> dict[tuple[str, str, str], Published]:
    """Return what lies in the output folder: (digest of the scan, profile, source) to the file.

    Of a scan whose pages became a file each it is the last page; see :func:`publications_of`.
    """
    return {place: files[-1] for place, files in publications_of(catalog, digests).items()}


def publications_of(
    catalog: Catalog, digests: Iterable[str], *, own: bool = False
) -> dict[tuple[str, str, str], list[Published]]:
    """Return what :func:`published` does, with every file that was published together.

    With ``own`` also what the result of another scan has replaced since.
    """
    table = tables.publication.c
    overwritten = OVERWRITTEN_BY_ITS_OWN if own else OVERWRITTEN
    found: dict[tuple[str, str, str], list[Published]] = {}
    with catalog.reading() as connection:
        for page in pages(set(digests)):
            for row in connection.execute(
                select(*tables.publication.c, tables.run.c.uid)
                .join(tables.run, tables.run.c.id == table.run_id)
                .where(table.collection_id == catalog.collection_id, table.digest.in_(page))
                .where(~overwritten)
                .order_by(table.id)
            ):
                files = found.setdefault((row.digest, row.profile, row.source), [])
                if files and (files[-1].key, files[-1].run) != (row.key or "", row.uid):
                    files.clear()  # those are of an earlier publication
                files.append(
                    Published(
                        digest=row.digest,
                        profile=row.profile,
                        source=row.source,
                        path=row.path,
                        output_digest=row.output_digest,
                        key=row.key or "",
                        size=row.size,
                        untouched=row.untouched,
                        run=row.uid,
                    )
                )
    return found
