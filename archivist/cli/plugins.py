"""`archivist plugins`: what is installed, what a step is, and whether it keeps its promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.cli.exits import Exit
from archivist.cli.options import config_option, json_option

if TYPE_CHECKING:
    from archivist.api.steps import StepSpec, Weight
    from archivist.plugins import Plugins


@click.group()
def plugins() -> None:
    """List, show and check the plugins."""


@plugins.command("list")
@config_option
@json_option
def list_(config_file: Path | None, as_json: bool) -> None:
    """List the installed plugins with the steps they offer and the time they took to load.

    Plugins that are broken or blocked are listed with the reason.
    """
    from dataclasses import asdict

    from archivist.cli.tables import print_table

    infos = _load(config_file).infos
    if as_json:
        click.echo(json.dumps([asdict(info) for info in infos], indent=2, ensure_ascii=False))
        return
    if not infos:
        click.echo("No plugins are installed. Cure: pip install a distribution that has some.")
        return
    rows = [
        (
            info.name,
            f"{info.distribution} {info.version}".strip(),
            info.state,
            f"{info.seconds * 1000:.0f} ms",
            ", ".join(info.steps),
        )
        for info in infos
    ]
    print_table(("Plugin", "Distribution", "State", "Loading", "Steps"), rows)
    for info in infos:
        if info.error:
            click.echo(f"{info.name}: {info.error}", err=True)
        if info.kept_out:
            click.echo(f"{info.name} {info.kept_out}", err=True)


@plugins.command()
@click.argument("step_id", metavar="ID")
@config_option
@json_option
def show(step_id: str, config_file: Path | None, as_json: bool) -> None:
    """Show everything that the step ID says about itself: ports, params, cost, weights."""
    loaded = _load(config_file)
    facts = _facts(loaded, loaded.require(step_id))
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False, default=str))
    else:
        _print_step(facts)


@plugins.command()
@click.argument("step_id", metavar="ID")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@config_option
@json_option
def check(step_id: str, device: str, config_file: Path | None, as_json: bool) -> int:
    """Try the promises of the step ID on samples: its outputs, memory, randomness and more.

    Ends with exit code 3 when a promise is broken or cannot be examined here.
    """
    from archivist.config import load
    from archivist.plugins import weights_folders
    from archivist.testing import check_step

    loaded = _load(config_file)
    promises = check_step(
        loaded.require(step_id),
        device=device,
        folders=weights_folders(load(config_file).weights.folder),
        module=loaded.owners[step_id].module or None,
    )
    rows = [(_words(promise.kept), promise.title, promise.detail) for promise in promises]
    if as_json:
        names = ("result", "promise", "detail")
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2))
    else:
        from archivist.cli.tables import print_table

        print_table(("Result", "Promise", "Detail"), rows)
    return Exit.FINE if all(promise.kept for promise in promises) else Exit.SOME_FAILED


def _load(config_file: Path | None) -> Plugins:
    from archivist.config import load
    from archivist.plugins import load_plugins

    settings = load(config_file).plugins
    return load_plugins(settings.allow or None, settings.block)


def _words(kept: bool | None) -> str:
    return {True: "kept", False: "broken", None: "not examined"}[kept]


def _facts(loaded: Plugins, spec: StepSpec) -> dict[str, object]:
    from dataclasses import asdict

    from archivist.plugins import describe_params

    owner = loaded.owners[spec.id]
    return {
        "id": spec.id,
        "title": spec.title,
        "version": spec.version,
        "plugin": f"{owner.name} ({owner.distribution} {owner.version})",
        "inputs": [asdict(port) for port in spec.inputs],
        "outputs": [asdict(port) for port in spec.outputs],
        "params": [{**asdict(info), "allowed": info.allowed} for info in describe_params(spec)],
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


def _print_step(facts: dict[str, object]) -> None:
    from typing import Any

    from archivist.cli.tables import print_table

    step: dict[str, Any] = facts
    click.echo(f"{step['id']}, version {step['version']}: {step['title']}")
    click.echo(f"From {step['plugin']}. Determinism: {step['determinism']}.")
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
    if step["params"]:
        rows = [(p["name"], p["default"], p["allowed"], p["doc"]) for p in step["params"]]
        click.echo()
        print_table(("Param", "Default", "Allowed", "Meaning"), rows)
    if step["weights"]:
        weights = [(w["name"], w["licence"], w["source"]) for w in step["weights"]]
        click.echo()
        print_table(("Weights", "Licence", "Source"), weights)
