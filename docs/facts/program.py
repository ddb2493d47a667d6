"""Facts about the program: commands, settings, exit codes, tables, steps."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from facts.markdown import attribute_docs, grid, prose

PLUGINS = Path(__file__).resolve().parent.parent.parent / "plugins"
HELP_WIDTH = 88


def exit_codes() -> str:
    """Return the table of exit codes."""
    from archivist.cli.exits import Exit

    docs = attribute_docs(Exit)
    return grid(("Code", "Meaning"), [(item.value, docs[item.name]) for item in Exit])


def command_line() -> str:
    """Return the help of every command and subcommand."""
    import click

    from archivist.cli.main import COMMANDS, cli

    # Commands that plugins add depend on what is installed, so only ours are shown.
    parts = []
    context = click.Context(cli, info_name="archivist", max_content_width=HELP_WIDTH)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        parts.extend(_help(command, name, context))
    return "\n\n".join(parts)


def config_keys() -> str:
    """Return tables of the keys of the configuration, one for each section."""
    from archivist.config import RecipeSettings, RightsRule, Settings
    from archivist.model import OutputProfile

    parts = ["\n\n".join(_section(Settings(), ""))]
    parts.append(_keys("[[output.profiles]]", OutputProfile(name="restored")))
    parts.append(_keys("[[rights.rules]]", RightsRule()))
    parts.append(_keys("[recipes.NAME]", RecipeSettings()))
    return "\n\n".join(parts)


def catalog_tables() -> str:
    """Return a table of the columns of each table of the catalog."""
    from archivist.catalog.tables import metadata

    parts = []
    for table in metadata.sorted_tables:
        rows = [
            (f"`{column.name}`", type(column.type).__name__, _column_rule(column))
            for column in table.c
        ]
        parts.append(f"### {table.name}\n\n{grid(('Column', 'Type', 'Rule'), rows)}")
    return "\n\n".join(parts)


def first_party_steps() -> str:
    """Return a table of the steps of the plugins in this repository."""
    from archivist.plugins import load_plugins

    ours = PLUGINS.glob("*/pyproject.toml")
    names = [tomllib.loads(path.read_text(encoding="utf-8"))["project"]["name"] for path in ours]
    plugins = load_plugins(allow=names)
    rows = []
    for step, spec in sorted(plugins.steps.items()):
        owner = plugins.owners[step]
        ports = f"{_ports(spec.inputs)} -> {_ports(spec.outputs)}"
        rows.append((f"`{step}`", spec.title, owner.distribution, ports))
    return grid(("Step", "What it does", "Distribution", "Ports"), rows)


def _ports(ports: Sequence[Any]) -> str:
    return ", ".join(port.name if port.required else f"[{port.name}]" for port in ports)


def _section(settings: Any, name: str) -> Iterator[str]:
    plain = [f for f in dataclasses.fields(settings) if not _is_section(settings, f)]
    if any(f.name not in ("recipes", "profiles") for f in plain):
        yield _keys(f"[{name}]" if name else "top of the file", settings)
    for field in dataclasses.fields(settings):
        if _is_section(settings, field):
            dotted = f"{name}.{field.name}" if name else field.name
            yield from _section(getattr(settings, field.name), dotted)


def _is_section(settings: Any, field: dataclasses.Field[Any]) -> bool:
    return dataclasses.is_dataclass(getattr(settings, field.name))


def _keys(title: str, settings: Any) -> str:
    docs = attribute_docs(type(settings))
    rows: list[tuple[str, ...]] = []
    for field in dataclasses.fields(settings):
        if _is_section(settings, field) or field.name in ("recipes", "profiles"):
            continue
        value = getattr(settings, field.name)
        meaning = field.metadata.get("doc") or docs.get(field.name, "")
        rows.append((f"`{field.name}`", f"`{_toml(value)}`", meaning + _limits(field.metadata)))
    shown = 3 if any(row[2] for row in rows) else 2
    table = grid(("Key", "Default", "Meaning")[:shown], [row[:shown] for row in rows])
    return f"### {title}\n\n{prose(type(settings))}\n\n{table}"


def _limits(metadata: Mapping[str, Any]) -> str:
    low, high = metadata.get("low"), metadata.get("high")
    if low is not None and high is not None:
        return f" ({low:g} to {high:g})"
    return "" if low is None else f" (at least {low:g})"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return "{}" if isinstance(value, Mapping) else str(value)


def _help(command: Any, name: str, parent: Any) -> Iterator[str]:
    import click

    context = click.Context(command, info_name=name, parent=parent, max_content_width=HELP_WIDTH)
    context.terminal_width = HELP_WIDTH
    yield f"### {context.command_path}\n\n```text\n{_usage(context)}\n```"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _help(found, child, context)


def _usage(context: Any) -> str:
    return "\n".join(line.rstrip() for line in context.get_help().strip().splitlines())


def _column_rule(column: Any) -> str:
    targets = sorted(key.target_fullname for key in column.foreign_keys)
    rules = ["key"] if column.primary_key else []
    rules += [f"refers to `{target}`" for target in targets]
    if column.nullable and not column.primary_key:
        rules.append("may be empty")
    return ", ".join(rules)
