"""What was measured of each result in place: the scores of its steps, its references, its flags.

Leaner than a report, because a queue of work goes through all results of an archive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from archivist.catalog import tables
from archivist.catalog.bulk import PAGE, pages
from archivist.catalog.flags import flags_of
from archivist.catalog.lookups import paths_of
from archivist.catalog.reading import asset_of, ids_of_assets
from archivist.catalog.session import Catalog
from archivist.model import Asset, Flag, Role, Status

_step, _version, _use, _asset = (
    tables.step.c,
    tables.plugin_version.c,
    tables.step_input.c,
    tables.asset.c,
)
_WORKED = (Status.DONE.value, Status.REUSED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredStep:
    """The newest record of a step, as far as it measures something."""

    step: str
    title: str
    status: str
    conjectural: bool
    key: str
    scores: Mapping[str, float] = field(default_factory=dict)
    references: tuple[float, ...] = ()
    """Scores 0..1 of the photographs that it could borrow from."""

    @property
    def worked(self) -> bool:
        """True when its result is part of the picture."""
        return self.status in _WORKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """An asset with an output in place, and what was measured of it."""

    asset: Asset
    paths: tuple[str, ...]
    steps: tuple[ScoredStep, ...]
    flags: tuple[Flag, ...] = ()


def scored(
    catalog: Catalog, *, run: str | None = None, assets: Sequence[str] | None = None
) -> Iterator[Scored]:
    """Yield the assets that have an output, in the order of their discovery.

    With ``run`` only what that run published, with ``assets`` only these, by uid.
    """
    for rows in _assets(catalog, run, assets):
        numbers = [row.id for row in rows]
        paths = paths_of(catalog, {row.digest for row in rows})
        with catalog.reading() as connection:
            steps = _steps(connection, numbers)
            flags = flags_of(connection, numbers)
        for row in rows:
            own = steps.get(row.id, ())
            keys = {step.key for step in own}
            yield Scored(
                asset=asset_of(row),
                paths=paths.get(row.digest, ()),
                steps=own,
                flags=tuple(flag for flag in flags.get(row.id, ()) if flag.key in keys),
            )


def _assets(
    catalog: Catalog, run: str | None, assets: Sequence[str] | None
) -> Iterator[Sequence[Any]]:
    written = tables.publication.c
    published = select(written.digest).where(written.collection_id == catalog.collection_id)
    if run is not None:
        numbers = select(tables.run.c.id).where(tables.run.c.uid == run)
        published = published.where(written.run_id.in_(numbers))
    wanted = select(tables.asset).where(_asset.digest.in_(published)).order_by(_asset.id)
    if assets is not None:
        with catalog.reading() as connection:
            wanted = wanted.where(_asset.id.in_(list(ids_of_assets(connection, assets))))
    after = 0
    while True:
        with catalog.reading() as connection:
            rows = connection.execute(wanted.where(_asset.id > after).limit(PAGE)).all()
        if not rows:
            return
        yield rows
        after = rows[-1].id


def _steps(connection: Connection, assets: Iterable[int]) -> dict[int, tuple[ScoredStep, ...]]:
    """Return the newest record of each step of assets, in the order of the steps."""
    newest: dict[tuple[int, str], Any] = {}
    for page in pages(assets):
        rows = connection.execute(
            select(
                _step.id,
                _step.asset_id,
                _step.ordinal,
                _step.status,
                _step.key,
                _step.scores,
                _version.step,
                _version.title,
                _version.conjectural,
            )
            .join(tables.plugin_version, _version.id == _step.plugin_version_id)
            .where(_step.asset_id.in_(page))
            .order_by(_step.id)
        )
        newest.update({(row.asset_id, row.step): row for row in rows})
    lent = _lent(connection, [row.id for row in newest.values()])
    found: defaultdict[int, tuple[ScoredStep, ...]] = defaultdict(tuple)
    for row in sorted(newest.values(), key=lambda row: (row.asset_id, row.ordinal, row.id)):
        found[row.asset_id] += (
            ScoredStep(
                step=row.step,
                title=row.title,
                status=row.status,
                conjectural=row.conjectural,
                key=row.key,
                scores=row.scores or {},
                references=lent.get(row.id, ()),
            ),
        )
    return dict(found)


def _lent(connection: Connection, steps: Sequence[int]) -> dict[int, tuple[float, ...]]:
    found: defaultdict[int, tuple[float, ...]] = defaultdict(tuple)
    for page in pages(steps):
        rows = connection.execute(
            select(_use.step_id, _use.score).where(
                _use.step_id.in_(page), _use.role == Role.REFERENCE, _use.score.is_not(None)
            )
        )
        for number, score in rows:
            found[number] += (score,)
    return dict(found)
