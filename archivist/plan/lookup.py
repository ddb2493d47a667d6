"""What the planner asks about the past, as plain functions: it never sees the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from archivist.model import KnownResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The newest record of a step for an asset; what a new plan is compared with."""

    version: int
    params: Mapping[str, object]
    inputs: Mapping[str, str]
    """Port -> digest."""
    weights: Sequence[str]
    result: KnownResult | None = None
    """What came out of it."""
    gone: tuple[str, ...] = ()
    """Of the photographs that were chosen then, why some may lend nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redo:
    """Params with which a reviewer wants an asset to be made again, by step."""

    params: Mapping[str, Mapping[str, object]]
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output that was published; ``lies`` in its place or was lost, or replaced by another."""

    key: str
    """Publication key: digest of what was to be written."""
    profile: str
    source: str
    """Path of the scan."""
    lies: bool = True
    replaced: bool = False
    """The result of another scan lies in its place."""


class Lookup(Protocol):
    """Questions in bulk: one call for a page of assets."""

    def known(self, keys: Sequence[str]) -> Mapping[str, KnownResult]:
        """Return the stored results of these step keys."""

    def previous(self, assets: Sequence[str]) -> Mapping[tuple[str, str], Previous]:
        """Return the newest finished record for each (asset, step id)."""

    def failures(self, assets: Sequence[str]) -> Mapping[str, str]:
        """Return asset -> code for the assets that failed when they were last treated."""

    def pinned(self, assets: Sequence[str]) -> AbstractSet[str]:
        """Return the assets whose approved result lies in place and must stay."""

    def held(self, paths: Mapping[str, str]) -> AbstractSet[str]:
        """Return which paths (path -> digest) hold the approved result of another scan."""

    def redo(self, assets: Sequence[str]) -> Mapping[str, Redo]:
        """Return what reviewers who rejected a result want to be done otherwise."""

    def replaced(self, paths: Mapping[str, str]) -> AbstractSet[str]:
        """Return which paths (path -> digest) had another content when last published."""

    def published(self, digests: Sequence[str]) -> Mapping[str, Collection[Output]]:
        """Return the newest outputs of scans, by the digests of these."""
