"""How a journal is, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archivist.catalog.journal.joining import folder_of, position
from archivist.catalog.journal.judging import Tip
from archivist.catalog.journal.shards import Journal
from archivist.catalog.session import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a journal lies, how large it is, and how far both it and its catalog have come."""

    folder: Path | None
    shards: int
    size: int
    batches: int
    catalog: int
    fits: bool

    @property
    def words(self) -> str:
        """The state in words."""
        if self.folder is None:
            return "This catalog has no journal. Cure: name its output folder with --out"
        facts = f"{self.shards:,} files, {self.size:,} bytes, {self.batches:,} transactions"
        if self.fits:
            return f"{self.folder}: {facts}; the catalog fits."
        return (
            f"{self.folder}: {facts}; the catalog has come to {max(0, self.catalog):,}. "
            "Cure: the next run brings them together; archivist verify says more"
        )


def journal_state(catalog: Catalog, home: Path | None) -> State:
    """Look at the journal of a catalog; reads all of it."""
    folder, mine = folder_of(catalog, home), position(catalog)
    journal = Journal(folder) if folder is not None else None
    tip, size, shards = Tip(), 0, 0
    if journal is not None:
        for read in journal.batches():
            tip = Tip(read.number, read.chain)
        found = journal.shards()
        size, shards = sum(shard.stat().st_size for shard in found), len(found)
    return State(
        folder=folder,
        shards=shards,
        size=size,
        batches=tip.batch,
        catalog=mine.batch,
        fits=folder is not None and tip == mine,
    )
