"""Certifications in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archivist.catalog.certifications import Certification, Change
from archivist.model import counted
from archivist.report.verdicts import measured
from archivist.report.words import moment, number, readable, short


def change_words(one: Change) -> str:
    """Return a change in words: ``sample.fill: version 1 -> 2``."""
    parts = []
    if one.version != one.new_version:
        parts.append(f"version {one.version} -> {one.new_version}")
    if one.weights != one.new_weights:
        parts.append(f"weights {_weights(one.weights)} -> {_weights(one.new_weights)}")
    return f"{one.step}: {'; '.join(parts)}"


def _weights(digests: Sequence[str]) -> str:
    return ", ".join(short(one) or "(missing)" for one in digests) or "(none)"


def result_lines(changes: Sequence[Change], results: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a trial showed."""
    for one in changes:
        yield change_words(one)
    counts = ", ".join(f"{n:,} {verdict}" for verdict, n in results["counts"].items())
    yield f"{counted(results['sample'], 'scan')}: {counts}"
    if results["largest"]:
        yield measured(results)
    yield f"tolerance {number(results['tolerance'])} (values from 0 to 1)"


def certification_lines(one: Certification) -> Iterator[str]:
    """Yield a trial or a decision; all but the first line are indented."""
    state = one.decision or "tried"
    by = one.decided_by or one.operator
    why = f": {readable(one.reason)}" if one.reason else ""
    yield f"{one.number:>4}  {moment(one.at)}  {state} by {readable(by) or 'nobody named'}{why}"
    yield from (f"      {line}" for line in result_lines(one.changes, one.results))


def certification_facts(one: Certification) -> dict[str, Any]:
    """Return a trial or a decision as plain JSON values."""
    return {
        "number": one.number,
        "run": one.run,
        "operator": one.operator,
        "name": one.name,
        "changes": [change_facts(change) for change in one.changes],
        "results": dict(one.results),
        "decision": one.decision,
        "decided_by": one.decided_by,
        "reason": one.reason,
        "at": one.at.isoformat(),
    }


def change_facts(one: Change) -> dict[str, Any]:
    """Return a change as plain JSON values."""
    return {
        "step": one.step,
        "version": one.version,
        "weights": list(one.weights),
        "new_version": one.new_version,
        "new_weights": list(one.new_weights),
    }
