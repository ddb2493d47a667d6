"""What a C2PA manifest says of an output: ingredients, actions, and a lineage of our own.

After the C2PA technical specification 2.x: the scan is what was opened, each step that made a
picture is an action, photographs that lent texture or colour are inputs of the action that used
them. What C2PA has no place for stands in the assertion :data:`LINEAGE`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from archivist_exports import __version__
from archivist_exports.photographs import (
    MEDIA_TYPES,
    OTHER,
    Photograph,
    Row,
    ended,
    image_of,
    references,
    worked,
)

LINEAGE = "org.archivist.lineage"
"""Label of the assertion with records, params, weights and the checkpoint of the ledger."""
ANALYSIS = "org.archivist.analysed"
"""A step that looked at the picture and made none."""

WRITER = f"archivist-exports {__version__}"

_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = _TERMS + "compositeWithTrainedAlgorithmicMedia"
ENHANCED = _TERMS + "algorithmicallyEnhanced"

_COLOUR = ("colorization", "colorize", "colour", "color")
_SCAN = "scan"

Manifest = dict[str, Any]


def manifest_of(run: Row, photograph: Photograph, output: Row, *, writer: str = WRITER) -> Manifest:
    """Return the manifest of an output, as c2pa-python takes it, without the scan.

    The scan is added as an ingredient with the label ``scan`` (:func:`scan_ingredient`), from its
    file, because it may have a manifest of its own.
    """
    return {
        "title": output["path"],
        "format": output["media_type"],
        "claim_generator_info": [
            {"name": "archivist", "version": run["run"]["archivist"] or "unknown"}
        ],
        "ingredients": list(_lenders(photograph)),
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": list(_actions(run, photograph, output))}},
            {"label": LINEAGE, "data": lineage(run, photograph, output) | {"written_by": writer}},
        ],
    }


_ANY_RUN: Row = {
    "run": {"uid": "", "archivist": "", "checkpoint": "", "started": "1970-01-01T00:00:00+00:00"}
}


def subject_of(photograph: Photograph, output: Row) -> list[Any]:
    """Return all that the manifest of an output says of the picture: another, if it says another.

    Which run was the newest, its checkpoint and the versions at work are left out: they change with
    each run, and an archive of 100,000 pictures would be signed anew for one. An older checkpoint
    is no worse evidence: the ledger only grows, and it covered the picture's records already.
    """
    said = manifest_of(_ANY_RUN, photograph, output, writer="")
    return [said, scan_ingredient(photograph)]


def scan_ingredient(photograph: Photograph) -> dict[str, str]:
    """Return the scan as the ingredient that the output was made from."""
    return {
        "title": photograph.path,
        "format": photograph.media_type,
        "relationship": "parentOf",
        "label": _SCAN,
        "instance_id": _urn(photograph.digest),
        "description": f"the scan, SHA-256 {photograph.digest}",
    }


def _lenders(photograph: Photograph) -> Iterator[dict[str, str]]:
    seen = set()
    for _, step in photograph.steps:
        for use in references(step) if worked(step) else ():
            digest = use["digest"]
            if digest not in seen:
                seen.add(digest)
                yield {
                    "title": use.get("path") or digest,
                    "format": MEDIA_TYPES.get(use.get("format", ""), OTHER),
                    "relationship": "inputTo",
                    "label": digest,
                    "instance_id": _urn(digest),
                    "description": f"a photograph that lent to the result, SHA-256 {digest}",
                }


def _actions(run: Row, photograph: Photograph, output: Row) -> Iterator[dict[str, Any]]:
    agent = {"name": "archivist", "version": run["run"]["archivist"] or "unknown"}
    yield {
        "action": "c2pa.opened",
        "softwareAgent": agent,
        "parameters": {"ingredientIds": [_SCAN]},
    }
    for page, step in photograph.steps:
        if worked(step):
            yield _action(run, photograph, page, step)
    if output["media_type"] != photograph.media_type:
        way = f"from {photograph.media_type} to {output['media_type']}"
        yield {"action": "c2pa.converted", "softwareAgent": agent, "description": way}


def _action(run: Row, photograph: Photograph, page: Row, step: Row) -> dict[str, Any]:
    name = (
        step["step"] if len(photograph.pages) == 1 else f"{step['step']}, page {page['page'] + 1}"
    )
    parameters: dict[str, Any] = {
        f"{LINEAGE}.record": step["record"],
        f"{LINEAGE}.step_key": step["key"],
    }
    if lent := [use["digest"] for use in references(step)]:
        parameters["ingredientIds"] = list(dict.fromkeys(lent))
    action: dict[str, Any] = {
        "action": kind_of(page, step),
        "when": ended(run, step),
        "softwareAgent": {
            "name": f"{step['step']} ({step['distribution'] or 'unknown'})",
            "version": f"{step['version']} ({step['distribution_version'] or 'unknown'})",
        },
        "description": name,
        "parameters": parameters,
    }
    if image_of(step) is not None:
        action["digitalSourceType"] = COMPOSITE if paints(step) else ENHANCED
    return action


def paints(step: Row) -> bool:
    """Tell whether a trained model painted pixels, or content was invented."""
    return bool(step["conjectural"] or step["weights"])


def kind_of(page: Row, step: Row) -> str:
    """Return the label of the action that a step was."""
    image = image_of(step)
    if image is None:
        return ANALYSIS
    if step["step"].startswith(_COLOUR):
        return "c2pa.adjustedColor"
    before = {page["width"], page["height"]}
    if image["width"] and {image["width"], image["height"]} != before:
        return "c2pa.resized"
    return "c2pa.edited"


def lineage(run: Row, photograph: Photograph, output: Row) -> dict[str, Any]:
    """Return what an auditor needs beyond the actions; digests are SHA-256 in hex."""
    review = photograph.first["review"]
    return {
        "scan": photograph.digest,
        "output": output["digest"],
        "profile": output["profile"],
        "run": run["run"]["uid"],
        "checkpoint": run["run"].get("checkpoint", ""),
        "inventory_no": photograph.facts.get("inventory_no", ""),
        "rights": photograph.facts.get("rights", ""),
        "review": {name: review[name] for name in ("decision", "reviewer", "reason", "at")}
        if review
        else None,
        "steps": [_told(page, step) for page, step in photograph.steps],
    }


def _told(page: Row, step: Row) -> dict[str, Any]:
    params = json.dumps(step["params"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return {
        "step": step["step"],
        "version": step["version"],
        "page": page["page"],
        "status": step["status"],
        "reason": step["reason"],
        "record": step["record"],
        "step_key": step["key"],
        "params": params,
        "params_sha256": hashlib.sha256(params.encode()).hexdigest(),
        "environment": step["environment"],
        "weights": [
            {name: weight[name] for name in ("name", "digest", "licence")}
            for weight in step["weights"]
        ],
    }


def _urn(digest: str) -> str:
    return f"urn:sha256:{digest}"
