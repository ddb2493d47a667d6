"""What an auditor is given: the records of an asset with proofs, or all checkpoints with proofs.

Both are plain JSON that :mod:`archivist.ledger.verify_proof` checks without archivist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from archivist.api.errors import UsageError
from archivist.catalog import ledger, queries
from archivist.catalog.ledger import Entry
from archivist.catalog.ledger_facts import facts_of
from archivist.catalog.recorded import as_recorded
from archivist.catalog.session import Catalog
from archivist.hashing import canonical_json, digest_bytes
from archivist.ledger.checkpoint import Checkpoint
from archivist.ledger.merkle import Tree
from archivist.model import StepRecord

RecordText = Callable[[StepRecord], bytes]
"""Gives the text that the digest of a record is of."""

_VERIFY = "Cure: archivist verify names what was changed"


def prove(
    catalog: Catalog, asset: str, record_text: RecordText, *, since: Checkpoint | None = None
) -> dict[str, Any]:
    """Return the records of an asset with the proofs that the newest checkpoint holds them.

    With ``since`` also the proof that the ledger only grew after that checkpoint. What was recorded
    after the newest checkpoint cannot be proved yet and is counted as ``later``. Raises UsageError
    when there is nothing to prove, or when the ledger contradicts its checkpoint.
    """
    newest, tree = _newest(catalog), _tree(catalog)
    _agree(tree, newest)
    found = ledger.entries_of(catalog, asset)
    proved = [entry for entry in found if entry.position < newest.size]
    if not proved:
        raise UsageError(
            "no record of it is under a checkpoint yet. "
            "Cure: archivist ledger seal, or wait until the next run has ended"
        )
    texts = _texts(catalog, asset, proved, record_text)
    earlier = _earlier(catalog, tree, newest, since)
    return {
        "format": "archivist-proof 1",
        "asset": asset,
        "notes": [one.note for one in (*earlier, newest)],
        "paths": [_hex(tree.consistency(one.size, newest.size)) for one in earlier],
        "entries": [
            {
                "kind": entry.kind,
                "position": entry.position,
                "digest": entry.digest,
                "record": text,
                "path": _hex(tree.inclusion(entry.position, newest.size)),
            }
            for entry, text in zip(proved, texts, strict=True)
        ],
        "later": len(found) - len(proved),
    }


def export(catalog: Catalog, *, leaves: bool = False) -> dict[str, Any]:
    """Return all checkpoints, and between each two the proof that the ledger only grew.

    With ``leaves`` also the digests of all entries, from which the roots can be computed. Raises
    UsageError when there is no checkpoint, or when the ledger contradicts one.
    """
    newest, tree = _newest(catalog), _tree(catalog)
    notes = ledger.checkpoints(catalog)
    for one in notes:
        _agree(tree, one)
    paths = [_hex(tree.consistency(a.size, b.size)) for a, b in pairwise(notes)]
    content: dict[str, Any] = {"format": "archivist-ledger 1", "origin": newest.origin}
    content |= {"notes": [one.note for one in notes], "paths": paths}
    if leaves:
        content["leaves"] = [
            {"kind": entry.kind, "digest": entry.digest} for entry in ledger.entries(catalog)
        ]
    return content


def _newest(catalog: Catalog) -> Checkpoint:
    found = ledger.checkpoints(catalog)
    if not found:
        raise UsageError(
            "there is no checkpoint yet. Cure: archivist ledger seal makes one, and so does a run"
        )
    return found[-1]


def _tree(catalog: Catalog) -> Tree:
    return Tree(bytes.fromhex(entry.digest) for entry in ledger.entries(catalog))


def _agree(tree: Tree, checkpoint: Checkpoint) -> None:
    if len(tree) < checkpoint.size or tree.root(checkpoint.size).hex() != checkpoint.root:
        raise UsageError(f"the ledger contradicts the checkpoint {checkpoint.line}. {_VERIFY}")


def _earlier(
    catalog: Catalog, tree: Tree, newest: Checkpoint, since: Checkpoint | None
) -> tuple[Checkpoint, ...]:
    """Return the note of an earlier checkpoint; the one line that was kept is enough to find it."""
    if since is None:
        return ()
    if since.origin != newest.origin:
        raise UsageError(
            f"that checkpoint is of {since.origin}, this catalog is {newest.origin}. "
            "Cure: name the catalog it is of with --catalog or --out"
        )
    _agree(tree, since)
    same = (one for one in ledger.checkpoints(catalog) if one.size == since.size)
    return (next(same, since),)


def _texts(
    catalog: Catalog, asset: str, entries: Sequence[Entry], record_text: RecordText
) -> list[str]:
    records = {one.digest: one for one in queries.records_of(catalog, asset)}
    rows: dict[str, list[int]] = {kind: [] for kind in ledger.KINDS}
    for entry in entries:
        rows[entry.kind].append(entry.row)
    with catalog.reading() as connection:
        facts = {
            (kind, row): canonical_json(one)
            for kind in ledger.KINDS
            if kind != ledger.STEP
            for row, one in facts_of(connection, kind, rows[kind]).items()
        }
    texts = []
    for entry in entries:
        record = records.get(entry.digest)
        step = b"" if record is None else record_text(as_recorded(record))
        text = step if entry.kind == ledger.STEP else facts.get((entry.kind, entry.row), b"")
        if digest_bytes(text) != entry.digest:
            raise UsageError(f"the {entry.kind} {entry.row} is not as it was recorded. {_VERIFY}")
        texts.append(text.decode("utf-8", "surrogateescape"))
    return texts


def _hex(nodes: Sequence[bytes]) -> list[str]:
    return [node.hex() for node in nodes]
