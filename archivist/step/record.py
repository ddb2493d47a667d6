"""The record of one step: everything an auditor needs after the plugin is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from archivist.hashing import digest_json
from archivist.model import StepRecord


def record_digest(record: StepRecord) -> str:
    """Return the SHA-256 (hex) of a record's canonical JSON, its own digest left out."""
    return digest_json(
        {f.name: _plain(getattr(record, f.name)) for f in fields(record) if f.name != "digest"}
    )


def sealed(record: StepRecord) -> StepRecord:
    """Return the record with its digest filled in; from then on it is never changed."""
    return replace(record, digest=record_digest(record))


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return value
