"""The record of one step: everything an auditor needs after the plugin is gone."""

from __future__ import annotations

from dataclasses import fields, replace

from archivist.hashing import digest_json
from archivist.model import StepRecord


def record_digest(record: StepRecord) -> str:
    """Return the SHA-256 (hex) of a record's canonical JSON, its own digest left out."""
    return digest_json(
        {f.name: getattr(record, f.name) for f in fields(record) if f.name != "digest"}
    )


def sealed(record: StepRecord) -> StepRecord:
    """Return the record with its digest filled in; from then on it is never changed."""
    return replace(record, digest=record_digest(record))
