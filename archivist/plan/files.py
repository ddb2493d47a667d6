"""Files as the planner takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archivist.model import Asset, Supplied


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A file that the plan looks at: its digest, every path where it lies, its pages."""

    digest: str
    paths: tuple[str, ...]
    assets: tuple[Asset, ...]
    supplied: tuple[Supplied, ...] = ()
    denied: Mapping[str, str] = field(default_factory=dict)
    """What the rights forbid: :class:`archivist.rights.Act` -> reason."""
