"""Compare the journal with itself and with the catalog's ledger.

A line has a checksum, a batch the digest of its lines, and each batch is chained to the one before:
so what was damaged is named to the line, and what was taken out is noticed. Each entry is compared
with the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from archivist.catalog import ledger
from archivist.catalog.journal.joining import folder_of, position
from archivist.catalog.journal.judging import Read, Tip
from archivist.catalog.journal.lines import facts_text, read_line
from archivist.catalog.journal.shards import Journal
from archivist.catalog.session import Catalog
from archivist.hashing import digest_bytes
from archivist.report.verify import Condition, Finding, Subject

_finding = partial(Finding, subject=Subject.JOURNAL)
_ANEW = "Cure: put the file back from a backup, or archivist catalog journal --rewrite"


def check_journal(catalog: Catalog, home: Path | None = None) -> Iterator[Finding]:
    """Yield a finding for all that differs, or one that all is fine; none where none is kept.

    ``home`` is ``.archivist`` of the output folder, for a catalog that does not know its journal.
    """
    folder = folder_of(catalog, home)
    if folder is None:
        return
    mine, size = position(catalog), ledger.size(catalog)
    if not folder.is_dir():
        yield _finding(
            name=str(folder),
            condition=Condition.MISSING,
            detail="it is not there. Cure: connect its disk; else the next run writes it anew",
        )
        return
    fine = True
    for finding in _differences(catalog, Journal(folder), mine, size):
        fine = False
        yield finding
    if fine:
        yield _finding(name=str(folder), condition=Condition.FINE)


def _differences(catalog: Catalog, journal: Journal, mine: Tip, size: int) -> Iterator[Finding]:
    walk = _Walk(catalog, size)
    for read in journal.batches():
        yield from walk.findings(read)
    yield from walk.rest()
    yield from _ends(catalog, walk.tip, mine)


class _Walk:
    """Goes over the batches, and notes which entries of the ledger were seen."""

    def __init__(self, catalog: Catalog, size: int) -> None:
        self._catalog, self._size = catalog, size
        self._next = 0
        self._gaps: list[tuple[int, int]] = []
        self.tip = Tip()

    def findings(self, read: Read) -> Iterator[Finding]:
        self.tip = Tip(read.number, read.chain)
        for one in read.damage:
            detail = f"{one.what}. {_ANEW}"
            yield _finding(name=one.where, condition=Condition.CHANGED, detail=detail)
        yield from self._entries(read.lines)

    def _entries(self, lines: Sequence[bytes]) -> Iterator[Finding]:
        entries = [(read_line(line), line) for line in lines if line.startswith(b'{"entry":')]
        known = ledger.digests_at(self._catalog, [said["entry"] for said, _ in entries])
        for said, line in entries:
            place = said["entry"]
            if place > self._next:
                self._gaps.append((self._next, place))
            self._next = max(self._next, place + 1)
            problem = ""
            if digest_bytes(facts_text(line)) != said["digest"]:
                problem = "its facts do not have its digest"
            elif place < self._size and known.get(place) != (
                said["kind"],
                said["row"],
                said["digest"],
            ):
                problem = "the ledger of the catalog says something else"
            if problem:
                name = f"entry {place} ({said['kind']} {said['row']})"
                detail = f"{problem}. Cure: archivist ledger check tells which of them is right"
                yield _finding(name=name, condition=Condition.CHANGED, detail=detail)

    def rest(self) -> Iterator[Finding]:
        """Yield the entries of the ledger that the journal does not have."""
        if self._next < self._size:
            self._gaps.append((self._next, self._size))
        for start, end in self._gaps:
            name = f"entry {start}" if end == start + 1 else f"entries {start} to {end - 1}"
            detail = f"the ledger has it, the journal does not. {_ANEW}"
            yield _finding(name=name, condition=Condition.MISSING, detail=detail)


def _ends(catalog: Catalog, tip: Tip, mine: Tip) -> Iterator[Finding]:
    """Judge whether both end at the same batch; a run may be writing meanwhile."""
    if tip == mine or position(catalog) != mine:
        return
    name = f"batch {tip.batch}"
    if tip.batch > mine.batch:
        detail = (
            f"the catalog has come to batch {mine.batch}: its process was killed, or an older copy "
            "was put back. Cure: the next run catches up"
        )
        yield _finding(name=name, condition=Condition.ADDED, detail=detail)
        return
    detail = f"the catalog has come to batch {mine.batch}, the journal is of another state. {_ANEW}"
    yield _finding(name=name, condition=Condition.MISSING, detail=detail)
