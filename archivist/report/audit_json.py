"""An audit as JSON for programs; the names are described on the documentation's page on audits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from archivist.catalog.lineage import Ending, Written
from archivist.catalog.replays import ReplayRow
from archivist.catalog.rows import Approval, EventRow, RunRow
from archivist.report.audit_json_steps import step_facts
from archivist.report.audit_rows import (
    Audit,
    AuditFile,
    Generation,
    Origins,
    Photograph,
    Place,
)
from archivist.report.audit_seal import Seal
from archivist.report.differing import Difference
from archivist.report.origin import Part
from archivist.report.verdicts import verdict_facts

AUDIT_SCHEMA = "archivist-audit"
AUDIT_VERSION = 1
"""Raised when a name is taken away or changes its meaning; new names may come without it."""


def audit_facts(audit: Audit) -> dict[str, Any]:
    """Return an audit as plain JSON values.

    Digests are SHA-256 in hex, times ISO 8601 in UTC, percents sum to 100. Paths are as in
    :func:`archivist.model.path_to_text`.
    """
    return {
        "schema": AUDIT_SCHEMA,
        "version": AUDIT_VERSION,
        "asked": audit.asked,
        "sha256": audit.digest or None,
        "at": _time(audit.at),
        "archivist": audit.version,
        "found_as": [
            {
                "how": str(match.how),
                "text": match.text,
                "scan": match.digest,
                "page": None if match.page is None else match.page + 1,
            }
            for match in audit.matches
        ],
        "warnings": list(audit.warnings),
        "photographs": [_photograph(one) for one in audit.photographs],
    }


def _photograph(one: Photograph) -> dict[str, Any]:
    asset, header = one.asset, one.asset.header
    width, height = header.upright_size
    return {
        "asset": asset.uid,
        "page": asset.page + 1,
        "pages": asset.pages,
        "paths": list(one.paths),
        "facts": dict(asset.facts),
        "scan": {
            **_place(one.scan),
            "format": header.format,
            "width": width,
            "height": height,
            "depth": header.depth,
            "colour": str(header.colour),
            "exif": dict(asset.exif),
        },
        "run": None if one.run is None else run_facts(one.run),
        "seal": None if one.seal is None else _seal(one.seal),
        "synthesis": _origins(one.origins),
        "steps": [step_facts(number, step) for number, step in enumerate(one.steps, start=1)],
        "outputs": [_file(file) for file in one.files],
        "generations": [_generation(generation) for generation in one.generations],
        "endings": [_ending(ending) for ending in one.endings],
        "reviews": [_review(review) for review in one.reviews],
        "flags": [
            {"check": flag.check, "step": flag.step, "reason": flag.reason, "key": flag.key}
            for flag in one.flags
        ],
        "events": [_event(event) for event in one.events],
        "replays": [_replay(row) for row in one.replays],
        "fixity": [
            {
                "subject": check.subject,
                "path": check.name,
                "digest": check.digest,
                "outcome": check.outcome,
                "at": _time(check.at),
            }
            for check in one.checks
        ],
    }


def _seal(one: Seal) -> dict[str, Any]:
    return {
        "fine": one.fine,
        "words": one.words,
        "entries": one.entries,
        "changed": list(one.changed),
        "missing": list(one.missing),
        "gone": list(one.gone),
        "waiting": one.waiting,
        "checkpoint": None
        if one.at is None
        else {"size": one.size, "root": one.root, "at": _time(one.at), "key": one.key or None},
    }


def run_facts(run: RunRow) -> dict[str, Any]:
    """Return what is told of a run."""
    return {
        "uid": run.uid,
        "command": run.command,
        "state": str(run.state),
        "operator": run.operator,
        "recipe": run.recipe,
        "recipe_digest": run.recipe_digest,
        "plan_digest": run.plan_digest,
        "index_snapshot": run.snapshot or None,
        "started": _time(run.started),
        "finished": _time(run.finished),
    }


def _file(one: AuditFile) -> dict[str, Any]:
    return {**written_facts(one.written), "condition": str(one.place.condition)}


def written_facts(one: Written) -> dict[str, Any]:
    """Return what is told of a file that was published."""
    item = one.publication
    return {
        "profile": item.profile,
        "path": item.path,
        "source": item.source,
        "sha256": item.output_digest,
        "size": item.size,
        "media_type": item.media_type,
        "untouched": item.untouched,
        "published": _time(one.at),
        "run": one.run,
        "replaced": one.replaced,
        "metadata": {
            "kept": list(item.contract.kept),
            "changed": dict(item.contract.changed),
            "added": dict(item.contract.added),
            "lost": dict(item.contract.lost),
        },
    }


def _generation(one: Generation) -> dict[str, Any]:
    return {
        "run": run_facts(one.run),
        "shown": one.shown,
        "outputs": [
            {
                "path": file.publication.path,
                "sha256": file.publication.output_digest,
                "replaced": file.replaced,
                "published": _time(file.at),
            }
            for file in one.files
        ],
    }


def _origins(one: Origins) -> dict[str, Any]:
    found = one.synthesis
    if found is None:
        return {"missing": one.missing}
    parts = zip(found.parts, one.titles, one.reasons, strict=True)
    return {
        "width": found.width,
        "height": found.height,
        "parts": [_part(part, title, reason) for part, title, reason in parts],
        "encoding": None if found.encoding is None else difference_facts(found.encoding),
        "notes": list(one.notes),
    }


def _part(part: Part, title: str, reason: str) -> dict[str, Any]:
    return {
        "origin": str(part.source.origin),
        "title": title,
        "percent": part.percent,
        "pixels": part.pixels,
        "steps": [number + 1 for number in part.source.steps],
        "reference": part.source.reference or None,
        "reason": reason,
    }


def difference_facts(one: Difference) -> dict[str, float]:
    """Return how two pictures differ; all numbers run from 0 to 1."""
    return {"share": one.share, "mean": one.mean, "largest": one.largest}


def _place(one: Place) -> dict[str, Any]:
    return {"path": one.path, "sha256": one.digest, "condition": str(one.condition)}


def _ending(one: Ending) -> dict[str, Any]:
    return {
        "run": one.run,
        "status": one.status,
        "code": one.code,
        "message": one.message,
        "seconds": round(one.seconds, 6),
    }


def _review(one: Approval) -> dict[str, Any]:
    return {
        "decision": str(one.decision),
        "reviewer": one.reviewer,
        "reason": one.reason,
        "at": _time(one.at),
        "records": list(one.records),
        "results": list(one.results),
        "redo": {step: dict(params) for step, params in one.redo.items()},
    }


def _event(one: EventRow) -> dict[str, Any]:
    return {
        "type": one.type,
        "at": _time(one.at),
        "run": one.run,
        "actor": one.actor,
        "detail": dict(one.detail),
    }


def _replay(one: ReplayRow) -> dict[str, Any]:
    return {
        **verdict_facts(one.replayed),
        "at": _time(one.at),
        "run": one.run,
        "operator": one.operator,
        "environment": dict(one.environment),
    }


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
