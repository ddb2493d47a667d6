"""Compare the records with the ledger, and the ledger with its checkpoints and their signatures.

A record that was edited together with its own digest, deleted or put in behind archivist's back
contradicts its entry; an entry that was changed to fit contradicts the checkpoints; a checkpoint
that was changed to fit has no valid signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from archivist.catalog import ledger
from archivist.catalog.bulk import PAGE, pages
from archivist.catalog.ledger import Entry
from archivist.catalog.session import Catalog
from archivist.ledger.checkpoint import Checkpoint
from archivist.ledger.keys import PublicKey
from archivist.ledger.merkle import Frontier
from archivist.model import counted
from archivist.report.verify import Condition, Finding, Subject

Keys = Mapping[str, PublicKey]
"""Public keys by their ids."""

_BACKUP = (
    "Cure: move the catalog away and bring it back with archivist catalog rebuild, or restore the "
    "catalog from a backup"
)
_SEAL = "Cure: archivist ledger seal, or the next run"


def check_ledger(
    catalog: Catalog, keys: Keys, *, since: Checkpoint | None = None
) -> Iterator[Finding]:
    """Yield a finding for each entry, for each checkpoint and for ``since``, which somebody kept.

    Without ``keys`` a checkpoint that nobody signed is *unsigned*, and a signed one *not checked*;
    with keys, what no valid signature covers is *not checked*.
    """
    marks = ledger.checkpoints(catalog)
    walk = _Walk({one.size for one in marks} | ({since.size} if since else set()))
    for page in pages(ledger.entries(catalog), PAGE):
        yield from walk.findings(page, ledger.digests_now(catalog, page))
    yield from _not_entered(catalog)
    yield from _contents(catalog)
    with catalog.reading() as connection:
        origin = ledger.origin(connection)
    yield from _Judge(walk, keys, origin).findings(marks)
    if since is not None:
        yield _kept(since, walk, origin)


class _Walk:
    """Goes over the entries, and notes the roots at the sizes that checkpoints speak of."""

    def __init__(self, sizes: set[int]) -> None:
        self._sizes, self._frontier, self._next = sizes, Frontier(), 0
        self.roots: dict[int, str] = {}

    @property
    def size(self) -> int:
        """How many entries there are, or were before some were deleted."""
        return self._next

    def findings(
        self, entries: Sequence[Entry], now: Mapping[tuple[str, int], str]
    ) -> Iterator[Finding]:
        for entry in entries:
            if entry.position != self._next:
                yield _gap(self._next, entry.position)
            yield _judged(entry, now.get((entry.kind, entry.row)))
            self._append(entry)

    def _append(self, entry: Entry) -> None:
        whole = self._frontier.size == entry.position
        self._next = entry.position + 1
        if whole:  # after a gap no root can be told
            self._frontier.append(bytes.fromhex(entry.digest))
            if self._next in self._sizes:
                self.roots[self._next] = self._frontier.root().hex()


def _gap(start: int, end: int) -> Finding:
    name = f"entry {start}" if end == start + 1 else f"entries {start} to {end - 1}"
    return Finding(
        subject=Subject.LEDGER,
        name=name,
        condition=Condition.MISSING,
        detail=f"deleted behind archivist's back. {_BACKUP}",
    )


def _judged(entry: Entry, now: str | None) -> Finding:
    finding = partial(
        Finding, subject=Subject.LEDGER, name=f"{entry.kind} {entry.row} (entry {entry.position})"
    )
    if now is None:
        detail = f"the record was deleted behind archivist's back. {_BACKUP}"
        return finding(condition=Condition.MISSING, detail=detail)
    if now != entry.digest:
        detail = f"the record was edited behind archivist's back. {_BACKUP}"
        return finding(condition=Condition.CHANGED, detail=detail)
    return finding(condition=Condition.FINE)


def _not_entered(catalog: Catalog) -> Iterator[Finding]:
    for kind, row in ledger.not_entered(catalog):
        yield Finding(
            subject=Subject.LEDGER,
            name=f"{kind} {row}",
            condition=Condition.ADDED,
            detail="no entry speaks of it: the record was put in, or its entry deleted, behind "
            f"archivist's back. {_BACKUP}",
        )


def _contents(catalog: Catalog) -> Iterator[Finding]:
    """Judge what records name by digest and the catalog keeps once."""
    for name, recorded, now in ledger.contents(catalog):
        if recorded != now:
            yield Finding(
                subject=Subject.LEDGER,
                name=name,
                condition=Condition.CHANGED,
                detail=f"it does not have the digest that records name. {_BACKUP}",
            )


class _Judge:
    """Judges checkpoints, once all entries were gone over."""

    def __init__(self, walk: _Walk, keys: Keys, origin: str) -> None:
        self._walk, self._keys, self._origin = walk, keys, origin

    def findings(self, marks: Sequence[Checkpoint]) -> Iterator[Finding]:
        problems = [self._problem(one) for one in marks]
        valid = [
            one.size
            for one, problem in zip(marks, problems, strict=True)
            if not problem and one.key_id in self._keys
        ]
        proved, loose = max(valid, default=0), 0
        for one, problem in zip(marks, problems, strict=True):
            finding = partial(Finding, subject=Subject.CHECKPOINT, name=_name(one))
            if problem:
                yield finding(condition=Condition.CHANGED, detail=problem)
            elif one.signature and one.key_id not in self._keys:
                detail = (
                    f"signed with the key {one.key_id} ({one.key_name}). Cure: name the file of "
                    "its public key with --public-key, or in [ledger] public_keys"
                )
                yield finding(condition=Condition.NOT_CHECKED, detail=detail)
            elif one.signature or one.size <= proved:
                yield finding(condition=Condition.FINE)  # a later signature covers what came before
            else:
                loose += 1
        covered = max((one.size for one in marks), default=0)
        yield from self._loose(loose, self._walk.size - covered if marks else 0)
        if not marks and self._walk.size:
            yield _no_checkpoint(self._walk.size)

    def _problem(self, one: Checkpoint) -> str:
        root = self._walk.roots.get(one.size)
        if one.origin != self._origin:
            return f"it is of another catalog, {one.origin}. {_BACKUP}"
        if root is None:
            return f"it was made over {_entries(one.size)}, more than there are. {_BACKUP}"
        if root != one.root:
            return f"the entries before it were rewritten: their root is another. {_BACKUP}"
        key = self._keys.get(one.key_id)
        problem = key.problem(one) if key else ""
        return f"{problem}. {_BACKUP}" if problem else ""

    def _loose(self, unsigned: int, later: int) -> Iterator[Finding]:
        """Tell once what no signature covers."""
        condition = Condition.NOT_CHECKED if self._keys else Condition.UNSIGNED
        if unsigned:
            yield Finding(
                subject=Subject.CHECKPOINT,
                name=f"{unsigned} without a signature",
                condition=condition,
                detail="the ledger agrees, but who can write the catalog can change both. "
                "Cure: archivist ledger keygen makes a key, archivist ledger seal signs",
            )
        if later > 0:
            yield Finding(
                subject=Subject.CHECKPOINT,
                name=f"{_entries(later)} after the newest",
                condition=condition,
                detail=f"no checkpoint covers them yet. {_SEAL}",
            )


def _no_checkpoint(size: int) -> Finding:
    return Finding(
        subject=Subject.CHECKPOINT,
        name=_entries(size),
        condition=Condition.NOT_CHECKED,
        detail=f"there is no checkpoint that they could be compared with. {_SEAL}",
    )


def _kept(since: Checkpoint, walk: _Walk, origin: str) -> Finding:
    """Judge the ledger by a checkpoint that somebody kept elsewhere."""
    finding = partial(Finding, subject=Subject.CHECKPOINT, name=f"kept: {_name(since)}")
    if since.origin != origin:
        detail = f"it is of {since.origin}, this catalog is {origin}. Cure: name its catalog"
        return finding(condition=Condition.NOT_CHECKED, detail=detail)
    if since.size > walk.size:
        detail = f"the ledger had {_entries(since.size)} then and has {walk.size} now. {_BACKUP}"
        return finding(condition=Condition.MISSING, detail=detail)
    if walk.roots.get(since.size) != since.root:
        detail = f"what was recorded before it was rewritten since. {_BACKUP}"
        return finding(condition=Condition.CHANGED, detail=detail)
    return finding(condition=Condition.FINE)


def _name(one: Checkpoint) -> str:
    return f"{one.at:%Y-%m-%d %H:%M:%S} over {_entries(one.size)}"


def _entries(number: int) -> str:
    return counted(number, "entry", "entries")
