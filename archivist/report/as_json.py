"""The report as JSON for programs, written row by row so that memory does not grow with the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from archivist.model import MetadataContract
from archivist.report.located import located
from archivist.report.rows import (
    ReportAsset,
    ReportFile,
    ReportRefusal,
    ReportReview,
    ReportRun,
    ReportSource,
    ReportStep,
)
from archivist.report.tally import Tally, tally
from archivist.store.atomic import replacing

JSON_SCHEMA = "archivist-report"
JSON_VERSION = 1
"""Raised when a name is taken away or changes its meaning; new names may come without it."""


def write_json(source: ReportSource, path: Path) -> None:
    """Write the whole report as one JSON object; see :func:`json_pieces`. Raises OSError."""
    with replacing(path) as temporary, temporary.open("w", encoding="ascii") as stream:
        dump_json(source, stream)


def dump_json(source: ReportSource, stream: IO[str]) -> None:
    """Write the report's JSON to an open text stream, row by row."""
    stream.writelines(json_pieces(source))


def json_pieces(source: ReportSource) -> Iterator[str]:
    """Yield the report as JSON text (ASCII): schema, version, run, totals, steps, assets, refusals.

    Paths are exact: bytes that are no UTF-8 stand as in :func:`archivist.model.path_to_text`.
    ``totals`` counts by result, ``steps`` by status. Times are ISO 8601 in UTC.
    """
    yield json.dumps(_head(source), indent=1)[:-2]
    yield ',\n "assets": ['
    yield from _items(_asset(asset) for asset in source.assets())
    yield '],\n "refusals": ['
    yield from _items(_refusal(refusal) for refusal in source.refusals())
    yield "]\n}\n"


def plain_rows(source: ReportSource) -> Iterator[dict[str, Any]]:
    """Yield the report as rows of plain JSON values, as exporters get it; see the plugin page.

    First a row of the ``kind`` "run" with what stands at the top of the JSON, then an "asset" for
    each page, then a "refusal" for each file that was not treated. Scans, outputs and kept
    artifacts have a ``file``: where they lie on this machine, as Python names it.
    """
    yield _plain("run", _head(source))
    for asset in source.assets():
        yield _plain("asset", located(source.run, _asset(asset)))
    for refusal in source.refusals():
        yield _plain("refusal", _refusal(refusal))


def _plain(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(row, default=str, allow_nan=False))
    return {"kind": kind, **plain}


def _head(source: ReportSource) -> dict[str, Any]:
    counts = tally(source)
    return {
        "schema": JSON_SCHEMA,
        "version": JSON_VERSION,
        "run": _run(source.run),
        "totals": {str(result): counts.results[result] for result in sorted(counts.results)},
        "steps": _step_totals(counts),
    }


def _items(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    before = "\n"
    for row in rows:
        yield before + "  " + json.dumps(row, default=str, allow_nan=False)
        before = ",\n"


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _run(run: ReportRun) -> dict[str, Any]:
    return {
        "uid": run.uid,
        "archive": run.archive,
        "scans": str(run.scans),
        "out": str(run.out),
        "recipe": run.recipe,
        "operator": run.operator,
        "started": _time(run.started),
        "finished": _time(run.finished),
        "state": run.state,
        "machine": run.machine,
        "environment": dict(run.environment),
        "archivist": run.version,
        "retry": run.retry,
        "checkpoint": run.checkpoint,
        "replaced": [
            {"path": one.path, "was": one.was, "now": one.now, "at": _time(one.at)}
            for one in run.replaced
        ],
        "left_over": [
            {"path": one.path, "source": one.source, "asset": one.digest, "scans": list(one.scans)}
            for one in run.left_over
        ],
    }


def _step_totals(counts: Tally) -> list[dict[str, Any]]:
    return [
        {
            "step": total.step,
            "title": total.title,
            "versions": sorted(total.versions),
            "counts": {str(status): total.counts[status] for status in sorted(total.counts)},
            "seconds": round(total.seconds, 6),
        }
        for total in counts.steps
    ]


def _asset(asset: ReportAsset) -> dict[str, Any]:
    return {
        "uid": asset.uid,
        "path": asset.path,
        "page": asset.page,
        "pages": asset.pages,
        "digest": asset.digest,
        "result": asset.result,
        "status": asset.status,
        "code": asset.code,
        "message": asset.message,
        "seconds": round(asset.seconds, 6),
        "format": asset.format,
        "width": asset.width,
        "height": asset.height,
        "depth": asset.depth,
        "colour": asset.colour,
        "changed": asset.changed,
        "conjectural": bool(asset.conjectural),
        "size": asset.size,
        "facts": dict(asset.facts),
        "review": _review(asset.review),
        "denied": [
            {
                "act": one.act,
                "reason": one.reason,
                "since": _time(one.since),
                "in_place": one in asset.holds_denied,
            }
            for one in asset.denied
        ],
        "flags": [
            {"check": flag.check, "step": flag.step, "reason": flag.reason} for flag in asset.flags
        ],
        "steps": [_step(step) for step in asset.steps],
        "outputs": [_file(file) for file in asset.files],
        "fixity": [
            {
                "subject": check.subject,
                "path": check.name,
                "digest": check.digest,
                "outcome": check.outcome,
                "at": _time(check.at),
            }
            for check in asset.fixity
        ],
        "copies": list(asset.copies),
        "similar": [
            {"path": other.path, "distance": other.distance, "exact": other.exact}
            for other in asset.similar
        ],
    }


def _review(review: ReportReview | None) -> dict[str, Any] | None:
    if review is None:
        return None
    return {
        "decision": review.decision,
        "reviewer": review.reviewer,
        "reason": review.reason,
        "at": _time(review.at),
    }


def _step(step: ReportStep) -> dict[str, Any]:
    return {
        "step": step.step,
        "version": step.version,
        "status": step.status,
        "code": step.code,
        "reason": step.reason,
        "conjectural": step.conjectural,
        "started": _time(step.started),
        "seconds": round(step.seconds, 6),
        "operator": step.operator,
        "device": step.device,
        "distribution": step.distribution,
        "distribution_version": step.distribution_version,
        "params": dict(step.params),
        "scores": dict(step.scores),
        "tiling": dict(step.tiling),
        "seed": step.seed,
        "determinism": step.determinism,
        "inputs": [asdict(use) for use in step.inputs],
        "weights": [asdict(weight) for weight in step.weights],
        "artifacts": [asdict(artifact) for artifact in step.artifacts],
        "key": step.key,
        "environment": step.environment,
        "parents": list(step.parents),
        "record": step.record,
    }


def _file(file: ReportFile) -> dict[str, Any]:
    return {
        "profile": file.profile,
        "path": file.path,
        "digest": file.digest,
        "size": file.size,
        "media_type": file.media_type,
        "untouched": file.untouched,
        "metadata": _contract(file.contract),
    }


def _contract(contract: MetadataContract) -> dict[str, Any]:
    return {
        "kept": list(contract.kept),
        "changed": dict(contract.changed),
        "added": dict(contract.added),
        "lost": dict(contract.lost),
    }


def _refusal(refusal: ReportRefusal) -> dict[str, Any]:
    return {
        "path": refusal.path,
        "result": refusal.result,
        "code": refusal.code,
        "reason": refusal.reason,
        "size": refusal.size,
    }
