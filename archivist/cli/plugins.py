"""`archivist plugins`: what is installed, what it offers, and whether it keeps its promises."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.cli.exits import Exit
from archivist.cli.options import config_option, json_option

if TYPE_CHECKING:
    from archivist.plugins import Offer, Plugins
    from archivist.testing import Promise


@click.group()
def plugins() -> None:
    """List, show and check the plugins."""


@plugins.command("list")
@config_option
@json_option
def list_(config_file: Path | None, as_json: bool) -> None:
    """List the installed plugins with what they offer and the time they took to load.

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
            ", ".join((*info.steps, *info.others)),
        )
        for info in infos
    ]
    print_table(("Plugin", "Distribution", "State", "Loading", "Offers"), rows)
    for info in infos:
        if info.error:
            click.echo(f"{info.name}: {info.error}", err=True)
        if info.kept_out:
            click.echo(f"{info.name} {info.kept_out}", err=True)


@plugins.command()
@click.argument("name", metavar="ID")
@config_option
@json_option
def show(name: str, config_file: Path | None, as_json: bool) -> None:
    """Show everything that ID says about itself, and which plugin it comes from.

    ID is that of a step, codec, check or exporter; where two kinds share one, say which:
    codec:ID.
    """
    from archivist.cli.plugin_shown import facts_of, print_facts

    facts = facts_of(_load(config_file).offer(name))
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False, default=str))
    else:
        print_facts(facts)


@plugins.command()
@click.argument("name", metavar="ID")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--sample",
    "samples",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A sound file of the format of a codec; may be given more than once.",
)
@config_option
@json_option
def check(
    name: str,
    device: str,
    samples: tuple[Path, ...],
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Try the promises of the step or codec ID on samples.

    Of a step: its outputs, memory, randomness and more. Of a codec: that what it writes comes back,
    and that damaged files are refused. A codec that only reads needs a --sample. Ends with exit
    code 3 when a promise is broken or cannot be examined here.
    """
    promises = _tried(_load(config_file).offer(name), device, samples, config_file)
    rows = [(_words(promise.kept), promise.title, promise.detail) for promise in promises]
    if as_json:
        names = ("result", "promise", "detail")
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2))
    else:
        from archivist.cli.tables import print_table

        print_table(("Result", "Promise", "Detail"), rows)
    return Exit.FINE if all(promise.kept for promise in promises) else Exit.SOME_FAILED


def _tried(
    offer: Offer, device: str, samples: Sequence[Path], config_file: Path | None
) -> Sequence[Promise]:
    """Return the promises of a step or codec, each tried. Raises UsageError for other kinds."""
    from archivist.api.errors import UsageError
    from archivist.api.extensions import CodecSpec
    from archivist.api.steps import StepSpec
    from archivist.config import load
    from archivist.plugins import weights_folders
    from archivist.testing import check_codec, check_step

    spec, module = offer.spec, offer.owner.module or None
    if isinstance(spec, CodecSpec):
        return check_codec(spec, files={str(p): p.read_bytes() for p in samples}, module=module)
    if samples:
        raise UsageError(f"{spec.id!r} is a {offer.kind}. Cure: give --sample for a codec only")
    if isinstance(spec, StepSpec):
        folders = weights_folders(load(config_file).weights.folder)
        return check_step(spec, device=device, folders=folders, module=module)
    raise UsageError(
        f"{spec.id!r} is a {offer.kind}, which promises nothing that can be tried without an "
        f"archive. Cure: archivist plugins show {spec.id} tells what it is"
    )


def _load(config_file: Path | None) -> Plugins:
    from archivist.config import load
    from archivist.plugins import load_plugins

    settings = load(config_file).plugins
    return load_plugins(settings.allow or None, settings.block)


def _words(kept: bool | None) -> str:
    return {True: "kept", False: "broken", None: "not examined"}[kept]
