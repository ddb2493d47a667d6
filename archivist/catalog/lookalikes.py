"""The lookalikes of a frozen plan, read back whole: where each lies and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from archivist.catalog import tables
from archivist.catalog.bulk import Row, pages, select_in
from archivist.catalog.kin import outputs_among_scans
from archivist.catalog.lookups import paths_of
from archivist.catalog.reading import uid_of
from archivist.catalog.session import Catalog
from archivist.lending import LOOKALIKES, Lends
from archivist.model import MADE, Lookalike

FACTS = ("rights", "object_id", "date")
"""What a choice of references asks of the manifest."""

_asset = tables.asset.c
_ASSETS = select(
    _asset.id,
    _asset.digest,
    _asset.page,
    _asset.pages,
    *(_asset[name] for name in FACTS),
)
Where = tuple[int, int, int]
"""Item, file and page of a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The lookalikes of some units, and the snapshot of the index they were found in."""

    lookalikes: Mapping[Where, Mapping[str, tuple[Lookalike, ...]]] = field(default_factory=dict)
    """By the inputs of steps that take them."""
    snapshot: str = ""


def planned_lookalikes(catalog: Catalog, run: int, items: Sequence[int]) -> Planned:
    """Return the lookalikes of the units of a plan with these numbers; none is no error.

    A lookalike whose file is no longer there has an empty path.
    """
    table = tables.plan_candidates
    with catalog.reading() as connection:
        rows = [
            row
            for page in pages(items)
            for row in connection.execute(
                select(table).where(table.c.run_id == run, table.c.item.in_(page))
            )
        ]
        if not rows:
            return Planned()
        wanted = {place[0] for row in rows for place in row.places}
        assets = {row[0]: row for row in select_in(connection, _ASSETS, _asset.id, wanted)}
        plan = connection.scalar(select(tables.run.c.plan).where(tables.run.c.id == run))
    digests = {row[1] for row in assets.values()}
    paths = paths_of(catalog, digests)
    colour = any(LOOKALIKES.get(row.port) is Lends.COLOUR for row in rows)
    made = {output for _, output in outputs_among_scans(catalog, digests)} if colour else set()
    found: dict[Where, dict[str, tuple[Lookalike, ...]]] = {}
    for row in rows:
        found.setdefault((row.item, row.file, row.page), {})[row.port] = tuple(
            _lookalike(place, assets[place[0]], paths, made) for place in row.places
        )
    return Planned(lookalikes=found, snapshot=(plan or {}).get("snapshot", ""))


def _lookalike(
    place: Sequence[Any],
    asset: Row,
    paths: Mapping[str, tuple[str, ...]],
    made: AbstractSet[str],
) -> Lookalike:
    _, digest, page, count, *facts = asset
    _, region, near, cosine = place
    known = {name: value for name, value in zip(FACTS, facts, strict=True) if value}
    return Lookalike(
        asset=uid_of(digest, page, count),
        page=page,
        path=paths.get(digest, ("",))[0],
        region=tuple(region),
        near=tuple(near),
        cosine=cosine,
        facts=known | ({MADE: "archivist"} if digest in made else {}),
    )
