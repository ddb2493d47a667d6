"""Files as the planner takes them: single ones, and those that belong to a sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archivist.model import Asset, Supplied


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A file that the plan looks at: its digest, every path where it lies, its pages."""

    digest: str
    paths: tuple[str, ...]
    assets: tuple[Asset, ...]
    supplied: tuple[Supplied, ...] = ()


def single_files(
    files: Iterable[PlannedFile], sequences: dict[str, list[PlannedFile]]
) -> Iterator[PlannedFile]:
    """Yield the files that belong to no sequence; put the others aside."""
    for file in files:
        name = file.assets[0].facts.get("sequence", "")
        if name:
            sequences.setdefault(name, []).append(file)
        else:
            yield file


def place_in_sequence(file: PlannedFile) -> tuple[float, str, str]:
    """Order by position: numbers first, then text, then the path."""
    position = file.assets[0].facts.get("position", "")
    try:
        return float(position), "", file.paths[0]
    except ValueError:
        return float("inf"), position, file.paths[0]
