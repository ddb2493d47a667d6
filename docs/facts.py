"""Facts for the documentation, taken from the code; the pages call these functions through cog."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

DOCS = Path(__file__).resolve().parent
HELP_WIDTH = 88


def source(path: str, language: str = "python") -> str:
    """Return a file of the examples as a code block."""
    text = (DOCS / "examples" / path).read_text(encoding="utf-8").rstrip()
    return f"```{language}\n{text}\n```"


def hooks() -> str:
    """Return a heading with the exact signature, and the docstring, of every hook."""
    from archivist.api import hookspecs

    parts = []
    for name, function in vars(hookspecs).items():
        if name.startswith("archivist_"):
            first = " The first plugin that returns a result is taken." * _is_first(function)
            parts.append(f"### `{signature(function)}`\n\n{_prose(function)}{first}")
    return "\n\n".join(parts)


def signature(function: Any) -> str:
    """Return the name, arguments and types of a function on one line."""
    found = inspect.signature(function)
    arguments = ", ".join(str(argument).replace("'", "") for argument in found.parameters.values())
    return f"{function.__name__}({arguments}) -> {found.return_annotation}".replace("'", "")


def fields(*classes: type) -> str:
    """Return for each dataclass its docstring and a table of its fields."""
    return "\n\n".join(_fields(cls) for cls in classes)


def members(*enums: type[Enum]) -> str:
    """Return for each enum a table of its values."""
    parts = []
    for enum in enums:
        docs = _attribute_docs(enum)
        rows = [(f"`{item.value}`", docs.get(item.name, "")) for item in enum]
        parts.append(
            f"### {enum.__name__}\n\n{_prose(enum)}\n\n{_table(('Value', 'Meaning'), rows)}"
        )
    return "\n\n".join(parts)


def errors() -> str:
    """Return the tree of errors."""
    from archivist.api import errors as module

    tree = inspect.cleandoc(module.__doc__ or "").partition("::\n")[2]
    return f"```text\n{textwrap.dedent(tree).strip()}\n```"


def code_in_docstring(module: str) -> str:
    """Return what a module's docstring says from its first code block on, as Markdown."""
    text = inspect.cleandoc(import_module(module).__doc__ or "")
    parts = re.split(r"\n{2,}", text.partition("::\n")[2].strip("\n"))
    shown = []
    for part in parts:
        if part.startswith("    "):
            shown.append(f"```text\n{textwrap.dedent(part)}\n```")
        else:
            shown.append(_plain(part.replace("::", ":")))
    return "\n\n".join(shown)


def methods(protocol: type) -> str:
    """Return a table of the public attributes and methods of a protocol."""
    rows = []
    for name, item in vars(protocol).items():
        if name.startswith("_") or not (callable(item) or isinstance(item, property)):
            continue
        function = item.fget if isinstance(item, property) else item
        shown = name if isinstance(item, property) else signature(function).replace("self, ", "")
        rows.append((f"`{shown.replace('(self)', '()')}`", " ".join(_prose(function).split())))
    return _table(("Attribute or method", "Meaning"), rows)


def exit_codes() -> str:
    """Return the table of exit codes."""
    from archivist.cli.exits import Exit

    docs = _attribute_docs(Exit)
    return _table(("Code", "Meaning"), [(item.value, docs[item.name]) for item in Exit])


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
    from archivist.config import RecipeSettings, Settings
    from archivist.model import OutputProfile

    parts = ["\n\n".join(_section(Settings(), ""))]
    parts.append(_keys("[[output.profiles]]", OutputProfile(name="restored")))
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
        parts.append(f"### {table.name}\n\n{_table(('Column', 'Type', 'Rule'), rows)}")
    return "\n\n".join(parts)


def first_party_steps() -> str:
    """Return a table of the steps of the plugins in this repository."""
    from archivist.plugins import load_plugins

    ours = (DOCS.parent / "plugins").glob("*/pyproject.toml")
    names = [tomllib.loads(path.read_text(encoding="utf-8"))["project"]["name"] for path in ours]
    plugins = load_plugins(allow=names)
    rows = []
    for step, spec in sorted(plugins.steps.items()):
        owner = plugins.owners[step]
        ports = f"{_ports(spec.inputs)} -> {_ports(spec.outputs)}"
        rows.append((f"`{step}`", spec.title, owner.distribution, ports))
    return _table(("Step", "What it does", "Distribution", "Ports"), rows)


def _ports(ports: Sequence[Any]) -> str:
    return ", ".join(port.name if port.required else f"[{port.name}]" for port in ports)


def _is_first(function: Any) -> bool:
    return bool(getattr(function, "archivist_spec", {}).get("firstresult"))


def _prose(item: Any) -> str:
    """Return a docstring as Markdown, its roles and double backticks made plain."""
    return _plain(inspect.cleandoc(item.__doc__ or ""))


def _plain(text: str) -> str:
    for role in (":class:", ":func:", ":mod:", ":data:"):
        text = text.replace(f"{role}`~archivist.api.errors.", "`").replace(role, "")
    return text.replace("`~archivist.api.values.", "`").replace("``", "`")


def _fields(cls: type) -> str:
    docs = _attribute_docs(cls)
    rows = [
        (f"`{f.name}`", f"`{_type(f)}`", _default(f), docs.get(f.name, ""))
        for f in dataclasses.fields(cls)
    ]
    shown = 4 if docs else 3
    headers = ("Field", "Type", "Default", "Meaning")
    table = _table(headers[:shown], [row[:shown] for row in rows])
    return f"### {cls.__name__}\n\n{_prose(cls)}\n\n{table}"


def _attribute_docs(cls: type) -> Mapping[str, str]:
    """Return the texts that stand below the fields or members of a class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for item, text in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(text, ast.Expr) or not isinstance(text.value, ast.Constant):
            continue
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        if isinstance(target, ast.Name):
            found[target.id] = _plain(" ".join(str(text.value.value).split()))
    return found


def _type(field: dataclasses.Field[Any]) -> str:
    return field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{_short(field.default)}`"
    if field.default_factory is not dataclasses.MISSING:
        return f"`{_short(field.default_factory())}`"
    return "required"


def _short(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, type):
        return value.__name__
    if dataclasses.is_dataclass(value):
        return f"{type(value).__name__}()"
    return repr(dict(value)) if isinstance(value, MappingProxyType) else repr(value)


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
    docs = _attribute_docs(type(settings))
    rows: list[tuple[str, ...]] = []
    for field in dataclasses.fields(settings):
        if _is_section(settings, field) or field.name in ("recipes", "profiles"):
            continue
        value = getattr(settings, field.name)
        meaning = field.metadata.get("doc") or docs.get(field.name, "")
        rows.append((f"`{field.name}`", f"`{_toml(value)}`", meaning + _limits(field.metadata)))
    shown = 3 if any(row[2] for row in rows) else 2
    table = _table(("Key", "Default", "Meaning")[:shown], [row[:shown] for row in rows])
    return f"### {title}\n\n{_prose(type(settings))}\n\n{table}"


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


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [_row(headers), _row(["---"] * len(headers)), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
