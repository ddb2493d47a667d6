"""The steps of an audit as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archivist.model import StepRecord, WeightUse, path_to_text
from archivist.report.audit_rows import AuditArtifact, AuditInput, AuditStep


def step_facts(number: int, step: AuditStep) -> dict[str, Any]:
    """Return what is told of a step; ``number`` counts from 1."""
    record = step.record
    return {
        "number": number,
        "step": record.step,
        "version": record.version,
        "title": record.title,
        "status": str(record.status),
        "reason": record.reason,
        "code": record.code,
        "distribution": record.distribution,
        "distribution_version": record.distribution_version,
        "conjectural": record.conjectural,
        "params": dict(record.params),
        "other_than_default": _unusual(record, step.defaults),
        "weights": [_weight(one) for one in record.used_weights],
        "weights_not_used": [_weight(one) for one in record.idle_weights],
        "inputs": [_input(one) for one in step.inputs],
        "outputs": [_artifact(one) for one in step.artifacts],
        "scores": dict(record.scores),
        "seed": record.seed,
        "device": record.device,
        "determinism": record.determinism,
        "tiling": dict(record.tiling),
        "environment": dict(step.environment),
        "environment_digest": record.environment,
        "operator": record.operator,
        "started": record.started.isoformat(),
        "seconds": round(record.seconds, 6),
        "peak_mib": record.peak_mib,
        "log": list(record.log),
        "run": step.run,
        "reused": step.reused,
        "key": record.key,
        "record": record.digest,
        "parents": list(record.parents),
    }


def _unusual(record: StepRecord, defaults: Mapping[str, object] | None) -> dict[str, object] | None:
    if defaults is None:
        return None
    return {
        name: value
        for name, value in record.params.items()
        if name not in defaults or defaults[name] != value
    }


def _weight(one: WeightUse) -> dict[str, Any]:
    return {"name": one.name, "sha256": one.digest, "licence": one.licence, "source": one.source}


def _input(one: AuditInput) -> dict[str, Any]:
    use = one.use
    found: dict[str, Any] = {
        "port": use.port,
        "role": use.role,
        "digest": use.digest,
        "maker": one.maker,
        "score": use.score,
        "note": use.note,
    }
    if one.paths:
        found["paths"] = list(one.paths)
    if one.facts:
        found["facts"] = dict(one.facts)
    if one.snapshot:
        found["index_snapshot"] = one.snapshot
    return found


def _artifact(one: AuditArtifact) -> dict[str, Any]:
    artifact = one.artifact
    return {
        "port": artifact.port,
        "kind": artifact.kind,
        "digest": artifact.digest,
        "kept": artifact.kept,
        "blob": artifact.blob,
        "path": None if one.path is None else path_to_text(str(one.path)),
        "condition": str(one.condition),
        "media_type": artifact.media_type,
        "size": artifact.size,
        "width": artifact.width,
        "height": artifact.height,
    }
