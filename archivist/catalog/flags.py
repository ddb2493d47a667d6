"""Flags: results that a plugin's check wants a person to look at, kept as events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, select

from archivist.catalog.events import EventDraft
from archivist.catalog.tables import event
from archivist.model import AssetOutcome, Flag, StepRecord

FLAGGED = "asset.flagged"
"""Type of the event; its detail has the fields of :class:`archivist.model.Flag`."""


def flag_events(outcome: AssetOutcome, asset: int, run: int) -> list[EventDraft]:
    """Return the events to be written for an asset's flags; ``asset`` and ``run`` are numbers."""
    return [
        EventDraft(type=FLAGGED, run=run, asset=asset, detail=asdict(flag))
        for flag in outcome.flags
    ]


def flags_of(connection: Connection, assets: Collection[int]) -> Mapping[int, Sequence[Flag]]:
    """Return all flags that were ever set, by the row number of the asset, oldest first.

    A result that was made twice is named once.
    """
    rows = connection.execute(
        select(event.c.asset_id, event.c.detail)
        .where(event.c.asset_id.in_(list(assets)), event.c.type == FLAGGED)
        .order_by(event.c.id)
    )
    found: defaultdict[int, dict[tuple[str, str], Flag]] = defaultdict(dict)
    for asset, detail in rows:
        flag = Flag(**detail)
        found[asset][flag.check, flag.key] = flag
    return {asset: tuple(flags.values()) for asset, flags in found.items()}


def in_force(flags: Sequence[Flag], records: Sequence[StepRecord]) -> tuple[Flag, ...]:
    """Return the flags of results that are still in use: those of these records."""
    keys = {record.key for record in records}
    return tuple(flag for flag in flags if flag.key in keys)
