"""Files as the planner takes them."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.model import Asset, Supplied


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A file that the plan looks at: its digest, every path where it lies, its pages."""

    digest: str
    paths: tuple[str, ...]
    assets: tuple[Asset, ...]
    supplied: tuple[Supplied, ...] = ()
