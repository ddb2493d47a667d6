"""`archivist config`: the settings in force, or an example with every key."""

from __future__ import annotations

import json
from pathlib import Path

import click

from archivist.cli.options import config_option


@click.group()
def config() -> None:
    """Show the settings in force, or an example."""


@config.command()
@config_option
def show(config_file: Path | None) -> None:
    """Print the settings in force, defaults included, as JSON."""
    from dataclasses import asdict

    from archivist.config import load

    click.echo(json.dumps(asdict(load(config_file)), indent=2, ensure_ascii=False))


@config.command()
def example() -> None:
    """Print a configuration file with every key, its meaning and its default."""
    from archivist.config import example as text

    click.echo(text(), nl=False)
