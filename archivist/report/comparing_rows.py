"""What a comparison of two runs tells: plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from archivist.catalog.rows import RunRow
from archivist.model import Artifact
from archivist.report.measuring import Measure


class Verdict(StrEnum):
    """How an output of one run compares with that of the other."""

    IDENTICAL = "identical"
    """The same file, byte by byte."""
    SAME_PIXELS = "same pixels"
    """Another file (its metadata, its container), the same picture."""
    WITHIN = "within tolerance"
    """No sample differs by more than the steps of both declare."""
    DIFFERENT = "different"
    ONLY_FIRST = "only in the first"
    ONLY_SECOND = "only in the second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A fact that differs; ``count`` says for how many photographs, 0 for facts of the run."""

    area: str
    """run, settings, versions, params, weights, environment, result or metadata."""
    name: str
    first: str
    second: str
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDifference:
    """An output that is not identical. ``metadata`` maps tags to what became of them in each."""

    source: str
    path: str
    page: int
    pages: int
    verdict: Verdict
    measure: Measure | None = None
    tolerance: float = 0.0
    note: str = ""
    metadata: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    pictures: tuple[Artifact | None, Artifact | None] = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side."""

    first: RunRow
    second: RunRow
    changed: tuple[Changed, ...]
    counts: Mapping[Verdict, int]
    outputs: tuple[OutputDifference, ...]
    assets: int
