"""The record of one step: everything an auditor needs after the plugin is gone."""

from __future__ import annotations

from dataclasses import fields, replace

from archivist.hashing import digest_json
from archivist.model import StepRecord, clean_text


def record_digest(record: StepRecord) -> str:
    """Return the SHA-256 (hex) of a record's canonical JSON, its own digest left out."""
    return digest_json(
        {f.name: getattr(record, f.name) for f in fields(record) if f.name != "digest"}
    )


def sealed(record: StepRecord) -> StepRecord:
    """Return the record with its digest filled in; from then on it is never changed.

    What a plugin said (reason, log) is first made fit for any database.
    """
    record = replace(
        record, reason=clean_text(record.reason), log=tuple(map(clean_text, record.log))
    )
    return replace(record, digest=record_digest(record))
