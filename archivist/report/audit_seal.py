"""Whether the records of a photograph are as they were entered, for an audit to say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from archivist.catalog import ledger
from archivist.catalog.recorded import as_recorded
from archivist.catalog.session import Catalog
from archivist.model import StepRecord, counted
from archivist.report.words import moment, short

RecordDigest = Callable[[StepRecord], str]
"""Computes the digest of a record anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What the ledger says of a photograph.

    ``changed`` names records that are not as they were entered, ``missing`` those that are in no
    entry, ``gone`` those that were entered and are not in the catalog, of this photograph or of
    others; ``size``, ``root``, ``at`` and ``key`` are of the newest checkpoint, and ``waiting`` how
    many entries of the photograph are newer than it. ``key`` is empty when it is not signed.
    """

    entries: int
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    waiting: int = 0
    size: int = 0
    root: str = ""
    at: datetime | None = None
    key: str = ""

    @property
    def fine(self) -> bool:
        """True when nothing speaks against the records."""
        return not self.changed and not self.missing and not self.gone

    @property
    def words(self) -> str:
        """The same in a sentence or two."""
        if self.changed:
            return f"The catalog was edited: not as entered are {', '.join(self.changed)}."
        if self.missing:
            return f"Not in the ledger are {', '.join(self.missing)}."
        if self.gone:
            return (
                f"Records were deleted from the catalog: {', '.join(self.gone)}. What is shown may "
                "lack some of this photograph. Cure: archivist verify names them"
            )
        told = f"All {self.entries:,} records of this photograph are as they were entered."
        if self.entries == 1:
            told = "The record of this photograph is as it was entered."
        if self.at is None:
            return f"{told} No checkpoint seals them yet."
        signed = f"signed by {self.key}" if self.key else "not signed"
        newer = f" {self.waiting} of them came after it." if self.waiting else ""
        return (
            f"{told} The newest checkpoint is of {moment(self.at)}, root {self.root}, over "
            f"{counted(self.size, 'entry', 'entries')}, {signed}.{newer}"
        )


def seal_of(
    catalog: Catalog, asset: str, records: Sequence[StepRecord], digest_of: RecordDigest
) -> Seal:
    """Compare the records behind a result, and all entries of its photograph, with the ledger."""
    entries = ledger.entries_of(catalog, asset)
    digests = ledger.digests_now(catalog, entries)
    entered = {entry.digest for entry in entries}
    changed = [
        f"the {entry.kind} {short(entry.digest)}"
        for entry in entries
        if digests.get((entry.kind, entry.row)) != entry.digest
    ]
    changed += [
        f"the record {short(record.digest)} of {record.step}"
        for record in records
        if digest_of(as_recorded(record)) != record.digest
    ]
    changed += [
        f"the {name}" for name, recorded, now in ledger.contents(catalog, asset) if recorded != now
    ]
    missing = [
        f"the record {short(record.digest)} of {record.step}"
        for record in records
        if record.digest not in entered
    ]
    heads = ledger.checkpoints(catalog)
    newest = heads[-1] if heads else None
    return Seal(
        entries=len(entries),
        changed=tuple(dict.fromkeys(changed)),
        missing=tuple(missing),
        gone=tuple(
            f"{count} of a {kind}" if count == 1 else f"{count} of {kind}s"
            for kind, count in ledger.gone(catalog).items()
        ),
        waiting=0 if newest is None else sum(one.position >= newest.size for one in entries),
        size=0 if newest is None else newest.size,
        root="" if newest is None else newest.root,
        at=None if newest is None else newest.at,
        key=newest.key_name if newest is not None and newest.signature else "",
    )
