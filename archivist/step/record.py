"""The record of one step: everything an auditor needs after the plugin is gone."""

from __future__ import annotations

from typing import Any

from archivist.hashing import canonical_json, digest_and_keep, digest_json, names_of
from archivist.model import StepRecord, clean_text


def record_digest(record: StepRecord) -> str:
    """Return the SHA-256 (hex) of a record's canonical JSON, its own digest left out."""
    return digest_json(_facts(record))


def record_text(record: StepRecord) -> bytes:
    """Return the canonical JSON that the digest of a record is of."""
    return canonical_json(_facts(record))


def sealed(record: StepRecord) -> StepRecord:
    """Return the record with its digest filled in; from then on it is never changed.

    What a plugin said (reason, log) is first made fit for any database.
    """
    facts = _facts(record)
    facts["reason"] = clean_text(record.reason)
    facts["log"] = tuple(map(clean_text, record.log))
    return StepRecord(**facts, digest=digest_and_keep(facts))


def _facts(record: StepRecord) -> dict[str, Any]:
    names = names_of(StepRecord)
    return {name: getattr(record, name) for name in names if name != "digest"}
