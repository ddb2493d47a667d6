"""What a plan found to look like a page, as the value that a step reads which chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archivist.api.errors import SourceError
from archivist.api.steps import Kind
from archivist.api.values import Image, Reference, References
from archivist.model import Lookalike, PageWork, Role, Workshop, lookalikes_digest
from archivist.references.rules import Facts, facts_of
from archivist.references.select import Rank
from archivist.step.archive import Region, archive_of
from archivist.step.held import Held
from archivist.step.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalikes(References):
    """References of which none is chosen yet.

    ``query`` is what is known of the page itself, ``check`` raises AssetError when the scan of an
    asset is not as it was, ``rank`` is the hook by which plugins order references.
    """

    query: Facts
    check: Callable[[str], object]
    rank: Rank | None = None


class Neighbours:
    """The lookalikes of one page, and how they are read in this worker."""

    def __init__(self, work: PageWork, workshop: Workshop, here: Session, scratch: Path) -> None:
        self.work, self._here, self._scratch = work, here, scratch
        self._archive = archive_of(workshop.scans, workshop.max_pixels)
        self._places = {one.asset: one for found in work.lookalikes.values() for one in found}

    def held(self, port: str) -> Held:
        """Return the value as it waits for the step that has this input."""
        return Held(
            kind=Kind.REFERENCES,
            digest=lookalikes_digest(self.work.lookalikes[port]),
            role=Role.CANDIDATES,
            load=lambda: self._value(port),
            note=f"index snapshot {self.work.snapshot}" if self.work.snapshot else "",
        )

    def read(self, asset: str, region: Region, longest: int = 0) -> Image:
        """Return a region of a lookalike's scan. Raises SourceError."""
        return self._archive.read(
            self._place(asset),
            region,
            longest=longest,
            codecs=self._here.plugins.codecs,
            scratch=self._scratch,
        )

    def check(self, asset: str) -> None:
        """Raise SourceError when the scan of a lookalike is gone or changed."""
        self._archive.check(self._place(asset))

    def _place(self, asset: str) -> Lookalike:
        if asset not in self._places:
            message = f"reference {asset} is not among what the plan found"
            cure = "run the same command again: it chooses anew"
            raise SourceError(f"{message}. Cure: {cure}", code="reference-unknown")
        return self._places[asset]

    def _value(self, port: str) -> Lookalikes:
        return Lookalikes(
            references=tuple(map(self._reference, self.work.lookalikes[port])),
            snapshot=self.work.snapshot,
            query=facts_of(self.work.asset),
            check=self.check,
            rank=self._here.plugins.rank_references,
        )

    def _reference(self, one: Lookalike) -> Reference:
        return Reference(
            asset=one.asset,
            region=one.region,
            score=max(0.0, one.cosine),
            reason=f"similarity {one.cosine:.2f}",
            read=partial(self.read, one.asset, one.region),
            near=one.near,
            facts=one.facts,
        )
