"""The history of rights: what was denied to which photograph, and who withdrew it as a reference.

Each of these decisions is an event that enters the ledger. What is denied now follows from the
manifest and the configuration (:mod:`archivist.rights`), what is withdrawn from the newest event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from archivist.catalog import ledger
from archivist.catalog.bulk import pages
from archivist.catalog.events import EventDraft, add_events
from archivist.catalog.reading import ids_of_assets, uid_of
from archivist.catalog.repeats import asset_ids
from archivist.catalog.session import Catalog
from archivist.catalog.tables import asset, event
from archivist.rights import Denials

DENIED, ALLOWED = "rights.denied", "rights.allowed"
WITHDRAWN, RESTORED = "reference.withdrawn", "reference.restored"
"""Types of events."""
_IS_DENIAL = event.c.type.in_([DENIED, ALLOWED])


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """That a photograph may lend nothing any more."""

    asset: str
    by: str
    reason: str
    at: datetime


def note_denials(connection: Connection, run: int | None, denied: Mapping[str, Denials]) -> int:
    """Add an event for each asset and act that is denied, or allowed again, since the last time.

    ``denied`` maps uids of assets to what is denied to them, nothing included. Returns how many.
    """
    ids = asset_ids(connection, denied)
    before = _newest(connection, ids.values())
    drafts: list[EventDraft] = []
    for uid, number in ids.items():
        now, told = denied[uid], before.get(number, {})
        drafts += [
            _draft(DENIED, run, number, act, why)
            for act, why in now.items()
            if told.get(act) != why
        ]
        drafts += [
            _draft(ALLOWED, run, number, act, why)
            for act, why in told.items()
            if why is not None and act not in now
        ]
    _enter(connection, drafts)
    return len(drafts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """That rights deny an act to a photograph, and since when without a break."""

    act: str
    reason: str
    since: datetime


def denials_in_force(catalog: Catalog, assets: Iterable[str]) -> dict[str, tuple[Denial, ...]]:
    """Return what rights deny to assets by now, as the newest run or plan told, by uid."""
    wanted = select(event.c.asset_id, event.c.type, event.c.detail, event.c.at).order_by(event.c.id)
    found: dict[str, dict[str, Denial]] = {}
    with catalog.reading() as connection:
        for page in pages(assets):
            uids = ids_of_assets(connection, page)
            rows = wanted.where(event.c.asset_id.in_(list(uids)), _IS_DENIAL)
            for number, kind, detail, at in connection.execute(rows):
                own = found.setdefault(uids[number], {})
                before = own.pop(detail["act"], None)
                if kind == DENIED:
                    since = before.since if before else at
                    own[detail["act"]] = Denial(
                        act=detail["act"], reason=detail["reason"], since=since
                    )
    return {uid: tuple(own.values()) for uid, own in found.items() if own}


def _draft(kind: str, run: int | None, number: int, act: str, reason: str) -> EventDraft:
    return EventDraft(type=kind, run=run, asset=number, detail={"act": act, "reason": reason})


def _newest(connection: Connection, numbers: Iterable[int]) -> dict[int, dict[str, str | None]]:
    """Return act -> reason of the newest denials of assets; None where it was allowed again."""
    found: dict[int, dict[str, str | None]] = {}
    wanted = select(event.c.asset_id, event.c.type, event.c.detail).order_by(event.c.id)
    for page in pages(numbers):
        for number, kind, detail in connection.execute(
            wanted.where(event.c.asset_id.in_(page), _IS_DENIAL)
        ):
            reason = detail["reason"] if kind == DENIED else None
            found.setdefault(number, {})[detail["act"]] = reason
    return found


def withdraw(
    connection: Connection, assets: Iterable[str], *, by: str, reason: str, again: bool = False
) -> None:
    """Withdraw photographs as references, or with ``again`` let them lend again."""
    kind = RESTORED if again else WITHDRAWN
    drafts = [
        EventDraft(type=kind, asset=number, detail={"reason": reason}, actor=by)
        for number in asset_ids(connection, assets).values()
    ]
    _enter(connection, drafts)


def withdrawals(catalog: Catalog) -> dict[str, Withdrawal]:
    """Return the withdrawals in force, by the uid of the photograph, oldest first."""
    wanted = (
        select(
            event.c.type,
            event.c.actor,
            event.c.detail,
            event.c.at,
            asset.c.digest,
            asset.c.page,
            asset.c.pages,
        )
        .join(asset, asset.c.id == event.c.asset_id)
        .where(event.c.type.in_([WITHDRAWN, RESTORED]))
        .order_by(event.c.id)
    )
    found: dict[str, Withdrawal] = {}
    with catalog.reading() as connection:
        for row in connection.execute(wanted):
            uid = uid_of(row.digest, row.page, row.pages)
            found.pop(uid, None)
            if row.type == WITHDRAWN:
                reason = str((row.detail or {}).get("reason", ""))
                found[uid] = Withdrawal(asset=uid, by=row.actor, reason=reason, at=row.at)
    return found


def _enter(connection: Connection, drafts: Sequence[EventDraft]) -> None:
    """Write events that are decisions, and enter them in the ledger."""
    ledger.enter_facts(connection, ledger.EVENT, add_events(connection, drafts))
