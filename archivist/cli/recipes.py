"""`archivist recipes`: the recipes and the steps they are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from archivist.api.errors import ConfigError
from archivist.cli.options import config_option, json_option


@click.command()
@config_option
@json_option
def recipes(config_file: Path | None, as_json: bool) -> None:
    """List the recipes: their steps, params, and what is missing to use them."""
    rows = _rows(config_file)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row['name']}: {row['title']}" + (" (default)" if row["default"] else ""))
        for step in row["steps"]:
            params = ", ".join(f"{k} = {v}" for k, v in step.items() if k != "use")
            click.echo(f"    {step['use']}" + (f"  {params}" if params else ""))
        if row["problem"]:
            click.echo(f"    cannot be used: {row['problem']}")


def _rows(config_file: Path | None) -> list[dict[str, Any]]:
    from archivist.config import load, named_in_errors
    from archivist.plan.recipe import build_recipe, place_of
    from archivist.plugins import load_plugins

    settings = load(config_file)
    plugins = load_plugins(settings.plugins.allow or None, settings.plugins.block)
    rows: list[dict[str, Any]] = []
    for name, written in sorted(settings.recipes.items()):
        problem = ""
        try:
            where = place_of(name, settings, named_in_errors(config_file))
            build_recipe(name, written, plugins, where=where)
        except ConfigError as error:
            problem = str(error)
        rows.append(
            {
                "name": name,
                "title": written.title,
                "default": name == settings.recipe,
                "steps": [dict(step) for step in written.steps],
                "problem": problem,
            }
        )
    return rows
