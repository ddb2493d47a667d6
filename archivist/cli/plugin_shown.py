"""What a step, codec, check or exporter says about itself, as plain facts and on paper."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from archivist.api.extensions import CheckSpec, CodecSpec, ExporterSpec
from archivist.api.steps import StepSpec, Weight
from archivist.cli.tables import print_table
from archivist.plugins import Offer, describe_params

Facts = dict[str, Any]


def facts_of(offer: Offer) -> Facts:
    """Return all that a description says, with the plugin that it comes from, for JSON."""
    spec, owner = offer.spec, offer.owner
    origin = f"{owner.distribution} {owner.version}".strip()
    facts: Facts = {
        "id": spec.id,
        "kind": offer.kind,
        "title": spec.title,
        "plugin": f"{owner.name} ({origin})" if origin else owner.name,
    }
    if isinstance(spec, StepSpec):
        return facts | _step(spec)
    if isinstance(spec, CodecSpec):
        return facts | _codec(spec)
    return facts | (_check(spec) if isinstance(spec, CheckSpec) else _exporter(spec))


def print_facts(facts: Facts) -> None:
    """Write the facts of :func:`facts_of` for people."""
    if facts["kind"] == "step":
        click.echo(f"{facts['id']}, version {facts['version']}: {facts['title']}")
        click.echo(f"From {facts['plugin']}. Determinism: {facts['determinism']}.")
        _print_step(facts)
        return
    article = "An" if facts["kind"][0] in "aeiou" else "A"
    click.echo(f"{facts['id']}: {facts['title']}")
    click.echo(f"{article} {facts['kind']} from {facts['plugin']}.")
    rows = [
        (name.replace("_", " ").capitalize(), _shown(value))
        for name, value in facts.items()
        if name not in ("id", "kind", "title", "plugin", "params")
    ]
    click.echo()
    print_table(("Fact", "Value"), rows)
    _print_params(facts)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _codec(spec: CodecSpec) -> Facts:
    return {
        "suffixes": list(spec.suffixes),
        "signature": spec.signature.hex(" ") or "none: the suffix decides",
        "media_type": spec.media_type or f"image/x-{spec.id}",
        "writes": spec.write is not None,
        "refuses_by_the_header": spec.probe is not None,
        "reads_metadata": spec.metadata is not None,
        "writes_metadata": list(spec.places),
    }


def _check(spec: CheckSpec) -> Facts:
    return {"steps": list(spec.steps) or "all"}


def _exporter(spec: ExporterSpec) -> Facts:
    return {
        "makes": "a folder" if spec.folder else f"a file ({spec.suffix})",
        "updates_an_earlier_export": spec.update is not None,
        "params": _params(spec),
    }


def _params(spec: StepSpec | ExporterSpec) -> list[Facts]:
    return [{**asdict(info), "allowed": info.allowed} for info in describe_params(spec)]


def _print_params(facts: Facts) -> None:
    if facts.get("params"):
        rows = [(p["name"], p["default"], p["allowed"], p["doc"]) for p in facts["params"]]
        click.echo()
        print_table(("Param", "Default", "Allowed", "Meaning"), rows)


def _step(spec: StepSpec) -> Facts:
    return {
        "version": spec.version,
        "inputs": [asdict(port) for port in spec.inputs],
        "outputs": [asdict(port) for port in spec.outputs],
        "params": _params(spec),
        "cost": asdict(spec.cost),
        "tiling": asdict(spec.tiling),
        "determinism": spec.determinism,
        "tolerance": spec.tolerance,
        "conjectural": spec.conjectural,
        "skips": spec.applies is not None,
        "weights": [_weight(weight) for weight in spec.weights],
    }


def _weight(weight: Weight) -> dict[str, object]:
    return {
        "name": weight.name,
        "licence": weight.licence,
        "research_only": weight.research_only,
        "source": weight.source,
        "sha256": weight.sha256,
        "shipped": weight.package is not None,
        "when": dict(weight.when),
    }


def _print_step(step: Facts) -> None:
    if step["conjectural"]:
        click.echo("It invents content: results are marked as conjectural.")
    if step["skips"]:
        click.echo("It is skipped where its probe says that it is not needed.")
    ports = [
        (side, port["name"], port["kind"], "" if port["required"] else "optional", port["doc"])
        for side in ("inputs", "outputs")
        for port in step[side]
    ]
    click.echo()
    print_table(("Port", "Name", "Kind", "", "Meaning"), ports)
    _print_params(step)
    if step["weights"]:
        weights = [(w["name"], w["licence"], w["source"]) for w in step["weights"]]
        click.echo()
        print_table(("Weights", "Licence", "Source"), weights)
