"""`archivist weights`: trained weights that are shipped or were imported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.api.errors import UsageError, WeightsCorrupt, WeightsMissing
from archivist.cli.exits import Exit
from archivist.cli.options import FILE, config_option, json_option

if TYPE_CHECKING:
    from archivist.api.steps import Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """All weights that the installed steps declare, and where imported ones lie."""

    weights: dict[str, Weight]
    users: dict[str, list[str]]
    """The steps that declare each weight."""
    folders: tuple[Path, ...]

    def require(self, name: str) -> Weight:
        """Return a weight. Raises UsageError that names all others."""
        if name not in self.weights:
            known = ", ".join(sorted(self.weights)) or "none"
            raise UsageError(f"no installed step declares weights {name!r}; declared are: {known}")
        return self.weights[name]

    def importable(self, name: str) -> list[Weight]:
        """Return the weights that NAME means to an import: one, or all of a plugin's steps.

        ``triplet`` means all weights that steps named ``triplet.*`` take from released checkpoints.
        """
        of_plugin = [
            weight
            for weight in self.weights.values()
            if weight.importer and any(s.partition(".")[0] == name for s in self.users[weight.name])
        ]
        return of_plugin if of_plugin and name not in self.weights else [self.require(name)]


@click.group()
def weights() -> None:
    """List, import and verify trained weights."""


@weights.command("list")
@config_option
@json_option
def list_(config_file: Path | None, as_json: bool) -> None:
    """List the weights that installed steps declare, and whether they are there."""
    shelf = open_shelf(config_file)
    rows = [_row(shelf, weight) for weight in shelf.weights.values()]
    _show(rows, as_json)


@weights.command("import")
@click.argument("name")
@click.argument("source", type=FILE)
@config_option
def import_(name: str, source: Path, config_file: Path | None) -> None:
    """Bring released checkpoints in as the weights NAME, with a record of where they came from.

    SOURCE is a file, or a folder or ZIP archive that holds it. NAME may also be the first part of
    a step's name (triplet, of triplet.restore): then all that SOURCE holds for it is imported.
    """
    from archivist.plugins import NotInSource, import_weights

    shelf, absent = open_shelf(config_file), []
    wanted = shelf.importable(name)
    for weight in wanted:
        try:
            record = import_weights(weight, source, shelf.folders[0])
        except NotInSource as error:
            absent.append(str(error))
            continue
        click.echo(f"Imported {record.file} as {weight.name} into {shelf.folders[0]}.")
        click.echo(f"Digest {record.sha256}, {record.size} bytes. Licence: {record.licence}.")
    if len(absent) == len(wanted):
        raise UsageError("\n".join(absent))
    for reason in absent:
        click.echo(f"Not imported: {reason}")


@weights.command()
@click.argument("names", nargs=-1)
@config_option
@json_option
def verify(names: tuple[str, ...], config_file: Path | None, as_json: bool) -> int:
    """Compare weight files with their digests: those NAMES, or all that are there.

    Ends with exit code 3 when one is corrupt, or when one that was named is missing.
    """
    shelf = open_shelf(config_file)
    chosen = [shelf.require(name) for name in names] or list(shelf.weights.values())
    rows = [_row(shelf, weight, verify=True) for weight in chosen]
    _show(rows, as_json)
    bad = ("corrupt", "missing") if names else ("corrupt",)
    return Exit.SOME_FAILED if any(row["state"] in bad for row in rows) else Exit.FINE


def open_shelf(config_file: Path | None) -> Shelf:
    """Return all declared weights under the given configuration."""
    from archivist.config import load
    from archivist.plugins import load_plugins, weights_folders

    settings = load(config_file)
    loaded = load_plugins(settings.plugins.allow or None, settings.plugins.block)
    found: dict[str, Weight] = {}
    users: dict[str, list[str]] = {}
    for step_id, spec in sorted(loaded.steps.items()):
        for weight in spec.weights:
            found.setdefault(weight.name, weight)
            users.setdefault(weight.name, []).append(step_id)
    return Shelf(weights=found, users=users, folders=weights_folders(settings.weights.folder))


def _row(shelf: Shelf, weight: Weight, *, verify: bool = False) -> dict[str, object]:
    state, detail = state_of(shelf, weight, verify=verify)
    return {
        "name": weight.name,
        "state": state,
        "origin": "shipped" if weight.package else "imported",
        "steps": shelf.users[weight.name],
        "licence": weight.licence + (" (research only)" if weight.research_only else ""),
        "source": weight.source,
        "detail": detail,
    }


def state_of(shelf: Shelf, weight: Weight, *, verify: bool) -> tuple[str, str]:
    """Return ``present``, ``verified``, ``missing`` or ``corrupt``, and the path or the cure."""
    from archivist.plugins import find_weights, locate_weights

    find = find_weights if verify else locate_weights
    try:
        return ("verified" if verify else "present"), str(find(weight, shelf.folders))
    except WeightsMissing as error:
        return "missing", str(error)
    except WeightsCorrupt as error:
        return "corrupt", str(error)


def _show(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo("No installed step declares weights.")
        return
    from archivist.cli.tables import print_table

    names = ("name", "state", "origin", "steps", "licence")
    cells = [[", ".join(v) if isinstance(v := row[n], list) else v for n in names] for row in rows]
    print_table([name.capitalize() for name in names], cells)
    for row in rows:
        if row["state"] in ("missing", "corrupt"):
            click.echo(str(row["detail"]), err=True)
