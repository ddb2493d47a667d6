"""Which outputs were made so: with these weights, this plugin, that reference; who reviewed them.

Candidates come from an index, one after the other; then the records behind each output are looked
at, because a later run may have made the output anew without what is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from archivist.api.errors import UsageError
from archivist.catalog import tables
from archivist.catalog.behind import Made, records_behind
from archivist.catalog.bulk import pages
from archivist.catalog.finding import SHORTEST
from archivist.catalog.lineage import Written, written_of
from archivist.catalog.lookups import assets_of
from archivist.catalog.reading import uids_of_assets
from archivist.catalog.session import Catalog
from archivist.hashing import SHA256_HEX
from archivist.model import Asset, Role, Status, StepRecord

_CHUNK = 100
_SHOWN = 8
"""Known names that an error lists."""
_WORKED = (Status.DONE, Status.REUSED)
_step, _version, _weights = tables.step.c, tables.plugin_version.c, tables.weights.c
_use, _review, _used = tables.step_input.c, tables.review.c, tables.step_weights.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An output that was made so. ``steps`` name the steps that did it, ``step.id vN``."""

    asset: Asset
    written: Written
    steps: tuple[str, ...]
    behind: tuple[Made, ...]
    """The records that led to it, in order."""
    reviewed: tuple[tuple[str, str, datetime], ...] = ()
    """(decision, reviewer, time), when it was asked who reviewed."""


Holds = Callable[[StepRecord], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is asked for. ``candidates`` selects assets by number, ``holds`` looks at a record."""

    candidates: Select[Any]
    holds: Holds | None = None
    reviewer: str = ""


# --- conditions -----------------------------------------------------------------------------


def uses_weights(catalog: Catalog, digits: str) -> Condition:
    """Return the condition that a step used the weights of this SHA-256, or its first digits.

    Raises UsageError when no recorded step used such weights.
    """
    given = digits.lower().removeprefix("sha256:")
    with catalog.reading() as connection:
        rows = connection.execute(select(_weights.id, _weights.digest, _weights.name)).all()
    found = [row for row in rows if row.digest.startswith(given)]
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},{SHA256_HEX}}}", given) or not found:
        known = (f"{row.name} {row.digest}" for row in rows)
        raise UsageError(
            f"no recorded step used weights with the SHA-256 {digits}. Cure: give it whole or its "
            f"first {SHORTEST} digits; recorded are: {_listed(known)}"
        )
    if len({row.digest for row in found}) > 1:
        raise UsageError(
            f"several weights begin with {digits}. Cure: give more digits of one of: "
            f"{_listed(row.digest for row in found)}"
        )
    digest = found[0].digest
    return Condition(
        candidates=select(_step.asset_id)
        .join(tables.step_weights, _used.step_id == _step.id)
        .where(_used.weights_id.in_([row.id for row in found]), _used.ordinal >= 0)
        .order_by(_used.step_id),
        holds=lambda record: any(weight.digest == digest for weight in record.used_weights),
    )


def made_with(catalog: Catalog, name: str) -> Condition:
    """Return the condition that a plugin or step was used: PLUGIN[==VERSION] or STEP[@VERSION].

    PLUGIN is a distribution, STEP the id of a step and its version the number of its behaviour.
    Raises UsageError when no record names it.
    """
    plugin, _, release = name.partition("==")
    step, _, behaviour = name.partition("@")
    with catalog.reading() as connection:
        rows = connection.execute(select(tables.plugin_version)).all()
    of_step = [row for row in rows if row.step == step and behaviour in ("", str(row.version))]
    of_plugin = [
        row
        for row in rows
        if _plain(row.distribution) == _plain(plugin) and release in ("", row.distribution_version)
    ]
    found = of_step or of_plugin
    if not found:
        known = [f"{row.step}@{row.version}" for row in rows]
        known += [f"{row.distribution}=={row.distribution_version}" for row in rows]
        raise UsageError(
            f"no record names {name}. Cure: give PLUGIN, PLUGIN==VERSION, STEP or STEP@VERSION; "
            f"recorded are: {_listed(known)}"
        )
    wanted = {(row.step, row.version, row.distribution, row.distribution_version) for row in found}
    return Condition(
        candidates=select(_step.asset_id)
        .where(_step.plugin_version_id.in_([row.id for row in found]))
        .order_by(_step.id),
        holds=lambda record: (
            (record.step, record.version, record.distribution, record.distribution_version)
            in wanted
        ),
    )


def borrowed_from(digests: Collection[str]) -> Condition:
    """Return the condition that a step borrowed from photographs of these files, by SHA-256."""
    return Condition(
        candidates=select(_step.asset_id)
        .join(tables.step_input, _use.step_id == _step.id)
        .where(_use.digest.in_(list(digests)), _use.role == Role.REFERENCE)
        .order_by(_use.digest, _use.step_id),
        holds=lambda record: any(
            use.role == Role.REFERENCE and use.digest.partition("#")[0] in digests
            for use in record.inputs
        ),
    )


def reviewed_by(catalog: Catalog, name: str) -> Condition:
    """Return the condition that a person reviewed the photograph. Raises UsageError if unknown."""
    with catalog.reading() as connection:
        known = connection.scalars(select(_review.reviewer).distinct()).all()
    if name not in known:
        raise UsageError(
            f"nobody called {name!r} has reviewed anything. Reviewers are: {_listed(known)}"
        )
    return Condition(
        candidates=select(_review.asset_id).where(_review.reviewer == name).order_by(_review.id),
        reviewer=name,
    )


def _plain(name: str) -> str:
    """Return the name of a distribution as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _listed(names: Iterable[str]) -> str:
    shown = list(dict.fromkeys(names))
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return (", ".join(shown[:_SHOWN]) or "none") + more


# --- answers --------------------------------------------------------------------------------


def uses(catalog: Catalog, conditions: Sequence[Condition], *, ever: bool = False) -> Iterator[Use]:
    """Yield the outputs for which all conditions hold, in the order in which they were made.

    Of what lies in the output folder now; with ``ever`` also of outputs that were replaced since.
    """
    for numbers in pages(_candidates(catalog, conditions[0]), _CHUNK):
        yield from uses_of_assets(catalog, conditions, numbers, ever=ever)


def _candidates(catalog: Catalog, condition: Condition) -> Iterator[int]:
    """Yield the numbers of assets once each."""
    seen: set[int] = set()
    with catalog.reading() as connection:
        rows = connection.execution_options(yield_per=10 * _CHUNK).execute(condition.candidates)
        for (number,) in rows:
            if number not in seen:
                seen.add(number)
                yield number


def uses_of_assets(
    catalog: Catalog, conditions: Sequence[Condition], numbers: Sequence[int], *, ever: bool = False
) -> Iterator[Use]:
    """Yield what :func:`uses` does, of some assets by their numbers."""
    with catalog.reading() as connection:
        uids = uids_of_assets(connection, numbers)
    digests = {uid.partition("#")[0] for uid in uids.values()}
    written = written_of(catalog, digests)
    assets = {one.uid: one for pages_ in assets_of(catalog, digests).values() for one in pages_}
    wanted = {
        number: [one for one in written.get(uid.partition("#")[0], ()) if ever or not one.replaced]
        for number, uid in uids.items()
    }
    chains = _chains(catalog, {uids[number]: files for number, files in wanted.items()})
    for number in numbers:
        uid = uids[number]
        for file in wanted[number]:
            found = _found(catalog, conditions, assets[uid], file, chains[uid, file.number])
            if found is not None:
                yield found


def _chains(
    catalog: Catalog, files: dict[str, list[Written]]
) -> dict[tuple[str, int], tuple[Made, ...]]:
    """Return the records behind each output, by asset and number of its run."""
    found: dict[tuple[str, int], tuple[Made, ...]] = {}
    rest = {uid: {one.number for one in group} for uid, group in files.items()}
    while now := {uid: runs.pop() for uid, runs in rest.items() if runs}:
        for uid, (made, _) in records_behind(catalog, now).items():
            found[uid, now[uid]] = made
    return found


def _found(
    catalog: Catalog,
    conditions: Sequence[Condition],
    asset: Asset,
    file: Written,
    chain: tuple[Made, ...],
) -> Use | None:
    worked = [one.record for one in chain if one.record.status in _WORKED]
    steps: list[str] = []
    reviewed: tuple[tuple[str, str, datetime], ...] = ()
    for condition in conditions:
        if condition.reviewer:
            reviewed += _reviews(catalog, asset, condition.reviewer)
        if condition.holds is None:
            continue
        named = [f"{one.step} v{one.version}" for one in worked if condition.holds(one)]
        if not named:
            return None
        steps += named
    if any(one.reviewer for one in conditions) and not reviewed:
        return None
    return Use(
        asset=asset,
        written=file,
        steps=tuple(dict.fromkeys(steps)),
        behind=chain,
        reviewed=reviewed,
    )


def _reviews(
    catalog: Catalog, asset: Asset, reviewer: str
) -> tuple[tuple[str, str, datetime], ...]:
    with catalog.reading() as connection:
        rows = connection.execute(
            select(_review.decision, _review.reviewer, _review.at)
            .join(tables.asset, tables.asset.c.id == _review.asset_id)
            .where(tables.asset.c.digest == asset.digest, tables.asset.c.page == asset.page)
            .where(_review.reviewer == reviewer)
            .order_by(_review.id.desc())
            .limit(1)
        ).all()
    return tuple((row.decision, row.reviewer, row.at) for row in rows)
