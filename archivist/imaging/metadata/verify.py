"""Comparing what was written with the scan: a loss that is not listed is a fault."""

from __future__ import annotations

from archivist.imaging.metadata.source import SourceMetadata, facts
from archivist.model import MetadataContract


def compare(
    source: SourceMetadata, written: SourceMetadata, contract: MetadataContract
) -> list[str]:
    """Return what the contract does not speak of, one sentence a piece; empty when all is well."""
    before, after = facts(source), facts(written)
    problems = []
    for name, value in before.items():
        if name in contract.lost:
            continue
        if name not in after:
            if name not in contract.changed or not _moved(contract.changed[name]):
                problems.append(f"{name} is missing, and no reason is given")
        elif after[name] != value and name not in contract.changed:
            problems.append(f"{name} has another value, and no reason is given")
    return problems


def _moved(reason: str) -> bool:
    return reason.startswith("moved to ")
