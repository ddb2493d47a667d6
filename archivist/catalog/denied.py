"""Outputs in place that rights forbid by now: what they hold, or what they borrowed.

Rights are those that the last scan read from the manifest. Nothing is deleted for them: a run makes
anew what it may, and the rest is for people to decide.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import exists, select

from archivist.api.steps import Kind
from archivist.catalog import tables
from archivist.catalog.bulk import PAGE, pages
from archivist.catalog.lookups import paths_of
from archivist.catalog.reading import asset_of
from archivist.catalog.rights import withdrawals
from archivist.catalog.session import Catalog
from archivist.catalog.uses import Condition, Use, uses_of_assets
from archivist.model import Role, StepRecord
from archivist.rights import Act, Denials, Rights

_asset, _pub, _step, _use = (
    tables.asset.c,
    tables.publication.c,
    tables.step.c,
    tables.step_input.c,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """An output that rights forbid by now, and why."""

    use: Use
    reasons: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    """What is denied to whom; ``lenders`` may lend nothing."""

    own: dict[str, Denials] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    lenders: dict[str, str] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Paths of lenders by the digest of their files."""


def denied_outputs(
    catalog: Catalog, rights: Rights, *, colours: Collection[str] = ()
) -> Iterator[Denied]:
    """Yield the outputs in place that rights forbid by now, or that borrowed from who may not lend.

    ``colours`` are the ids of steps that give colour; records of steps do not tell it.
    """
    found = _look(catalog, rights)
    why: dict[str, list[str]] = {}

    def holds(record: StepRecord) -> bool:
        reasons = list(_reasons(record, found, colours))
        why.setdefault(record.asset, []).extend(reasons)
        return bool(reasons)

    condition = Condition(candidates=select(_asset.id), holds=holds)
    numbers = dict.fromkeys([*found.numbers, *_borrowers(catalog, found.lenders)])
    for page in pages(numbers, PAGE // 5):
        for use in uses_of_assets(catalog, [condition], page):
            yield Denied(use=use, reasons=tuple(dict.fromkeys(why[use.asset.uid])))


def _look(catalog: Catalog, rights: Rights) -> _Found:
    """Go through all photographs; withdrawn ones lend nothing whatever their rights."""
    found, after = _Found(), 0
    withdrawn = withdrawals(catalog)
    published = exists().where(
        _pub.digest == _asset.digest, _pub.collection_id == catalog.collection_id
    )
    wanted = select(tables.asset, published.label("published")).order_by(_asset.id)
    while not rights.silent:
        with catalog.reading() as connection:
            rows = connection.execute(wanted.where(_asset.id > after).limit(PAGE)).all()
        if not rows:
            break
        after = rows[-1].id
        for row in rows:
            asset = asset_of(row)
            denied = rights.denials(asset.facts)
            if Act.REFERENCE in denied:
                found.lenders[asset.uid] = denied[Act.REFERENCE]
            if row.published and denied.keys() - {Act.REFERENCE}:
                found.own[asset.uid] = denied
                found.numbers.append(row.id)
    for uid, one in withdrawn.items():
        found.lenders[uid] = f"withdrawn by {one.by}: {one.reason}"
    found.names = paths_of(catalog, {uid.partition("#")[0] for uid in found.lenders})
    return found


def _borrowers(catalog: Catalog, lenders: Mapping[str, str]) -> Iterator[int]:
    """Yield the numbers of assets of which a step had one of these photographs as a reference."""
    with catalog.reading() as connection:
        for page in pages({uid.partition("#")[0] for uid in lenders}):
            yield from connection.scalars(
                select(_step.asset_id)
                .join(tables.step_input, _use.step_id == _step.id)
                .where(_use.digest.in_(page), _use.role == Role.REFERENCE)
                .distinct()
            )


def _reasons(record: StepRecord, found: _Found, colours: Collection[str]) -> Iterator[str]:
    own = found.own.get(record.asset, {})
    did = {
        Act.RESTORATION: any(output.kind == Kind.IMAGE for output in record.outputs),
        Act.GENERATIVE: record.conjectural,
        Act.COLOUR: record.step in colours,
    }
    yield from (own[act] for act, done in did.items() if done and act in own)
    for use in record.inputs:
        if use.role == Role.REFERENCE and use.asset in found.lenders:
            path = next(iter(found.names.get(use.digest, ())), use.asset[:12])
            yield f"borrowed from {path}: {found.lenders[use.asset]}"
