"""What the readers of the formats hand to each other."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.model import Header


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """The header of a page with its colour profile; ``associated`` alpha is multiplied in."""

    header: Header
    icc: bytes | None = None
    associated: bool = False
