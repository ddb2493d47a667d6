"""What ``--where`` may ask about the newest result of a photograph: what it was made with."""

from __future__ import annotations

from collections.abc import Iterable

from archivist.catalog import queries
from archivist.catalog.session import Catalog
from archivist.model import Status, StepRecord
from archivist.plan import names_in

MAKERS = ("step", "plugin", "weights")
"""Each has several values, and fits when one of them does."""


def asks_for_makers(expression: str) -> bool:
    """Tell whether an expression asks for them: looking them up costs more than all other facts."""
    return not names_in(expression).isdisjoint(MAKERS)


def makers_of(catalog: Catalog, assets: Iterable[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return by the uids of assets what made their newest results; skipped steps made nothing."""
    return {
        report.asset.uid: _facts(
            [one for one in report.records if one.status in (Status.DONE, Status.REUSED)]
        )
        for report in queries.report_rows(catalog, assets=assets)
    }


def _facts(records: Iterable[StepRecord]) -> dict[str, tuple[str, ...]]:
    """Return steps and plugins with and without version, weights by name and SHA-256."""
    steps, plugins, weights = list[str](), list[str](), list[str]()
    for one in records:
        steps += [one.step, f"{one.step}@{one.version}"]
        plugins += [one.distribution, f"{one.distribution}=={one.distribution_version}"]
        for weight in one.used_weights:
            weights += [weight.name, weight.digest]
    return dict(zip(MAKERS, map(tuple, (steps, plugins, weights)), strict=True))
