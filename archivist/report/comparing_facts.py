"""Facts of runs, steps and outputs side by side, as names and texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from archivist.catalog.lineage import Written
from archivist.catalog.rows import RunRow
from archivist.model import MetadataContract, StepRecord
from archivist.report.comparing_rows import Changed

NONE = "(none)"
COPY = "byte copy of the scan"
"""Stands for all tags of an output that no step changed."""


def run_differences(first: RunRow, second: RunRow) -> Iterator[Changed]:
    """Yield what differs between the runs as such."""
    for name in ("command", "recipe", "recipe_digest", "operator", "state", "snapshot"):
        one, two = str(getattr(first, name) or NONE), str(getattr(second, name) or NONE)
        if one != two:
            yield Changed(area="run", name=name, first=one, second=two)
    both = flat(first.settings), flat(second.settings)
    for name in dict.fromkeys([*both[0], *both[1]]):
        values = [text(facts[name]) if name in facts else NONE for facts in both]
        if values[0] != values[1]:
            yield Changed(area="settings", name=name, first=values[0], second=values[1])


def flat(facts: Mapping[str, object], before: str = "") -> dict[str, object]:
    """Return nested facts by dotted names."""
    found: dict[str, object] = {}
    for name, value in facts.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{before}{name}."))
        else:
            found[f"{before}{name}"] = value
    return found


def text(value: object) -> str:
    """Return a fact as text: lists as JSON, truth as yes and no."""
    if isinstance(value, list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "yes" if value is True else "no" if value is False else str(value)


def step_facts(record: StepRecord, environment: Mapping[str, object]) -> dict[tuple[str, str], str]:
    """Return what is compared of a step, by (area, name)."""
    found = {
        ("versions", ""): f"v{record.version}",
        ("versions", record.distribution): record.distribution_version,
        ("result", ""): str(record.status).replace("reused", "done"),
        ("environment", "device"): record.device,
    }
    found |= {("params", name): text(value) for name, value in record.params.items()}
    found |= {("weights", one.name): one.digest for one in record.weights}
    found |= {("environment", name): text(value) for name, value in environment.items()}
    return found


def metadata_differences(one: Written | None, two: Written | None) -> dict[str, tuple[str, str]]:
    """Return the tags whose fate differs between the metadata contracts of two outputs."""
    if one is None or two is None:
        return {}
    copies = one.publication.untouched, two.publication.untouched
    if any(copies):  # of which the contract names no tags
        return {} if all(copies) else {COPY: (text(copies[0]), text(copies[1]))}
    fates = _fates(one.publication.contract), _fates(two.publication.contract)
    return {
        tag: (fates[0].get(tag, NONE), fates[1].get(tag, NONE))
        for tag in dict.fromkeys([*fates[0], *fates[1]])
        if fates[0].get(tag) != fates[1].get(tag)
    }


def _fates(contract: MetadataContract) -> dict[str, str]:
    found = dict.fromkeys(contract.kept, "kept")
    for name in ("changed", "added", "lost"):
        found |= {tag: f"{name}: {why}" for tag, why in getattr(contract, name).items()}
    return found
