"""Facts about the plugin surface: hooks, dataclasses, enums, errors."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from facts.markdown import attribute_docs, grid, plain, prose

DOCS = Path(__file__).resolve().parent.parent


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
            parts.append(f"### `{signature(function)}`\n\n{prose(function)}{first}")
    return "\n\n".join(parts)


def signature(function: Any) -> str:
    """Return the name, arguments and types of a function on one line."""
    found = inspect.signature(function)
    arguments, named_only = [], False
    for item in found.parameters.values():
        if item.name == "self":
            continue
        if item.kind is item.KEYWORD_ONLY and not named_only:
            arguments.append("*")
            named_only = True
        default = "" if item.default is item.empty else f" = {item.default!r}"
        arguments.append(f"{item.name}: {item.annotation}{default}")
    return f"{function.__name__}({', '.join(arguments)}) -> {found.return_annotation}"


def fields(*classes: type) -> str:
    """Return for each dataclass its docstring and a table of its fields."""
    return "\n\n".join(_fields(cls) for cls in classes)


def members(*enums: type[Enum]) -> str:
    """Return for each enum a table of its values."""
    parts = []
    for enum in enums:
        docs = attribute_docs(enum)
        rows = [(f"`{item.value}`", docs.get(item.name, "")) for item in enum]
        parts.append(f"### {enum.__name__}\n\n{prose(enum)}\n\n{grid(('Value', 'Meaning'), rows)}")
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
            shown.append(plain(part.replace("::", ":")))
    return "\n\n".join(shown)


def methods(protocol: type) -> str:
    """Return a table of the public attributes and methods of a protocol."""
    rows = []
    for name, item in vars(protocol).items():
        if name.startswith("_") or not (callable(item) or isinstance(item, property)):
            continue
        function = item.fget if isinstance(item, property) else item
        shown = name if isinstance(item, property) else signature(function)
        rows.append((f"`{shown}`", " ".join(prose(function).split())))
    return grid(("Attribute or method", "Meaning"), rows)


def _is_first(function: Any) -> bool:
    return bool(getattr(function, "archivist_spec", {}).get("firstresult"))


def _fields(cls: type) -> str:
    docs = attribute_docs(cls)
    rows = [
        (f"`{f.name}`", f"`{_type(f)}`", _default(f), docs.get(f.name, ""))
        for f in dataclasses.fields(cls)
    ]
    shown = 4 if docs else 3
    headers = ("Field", "Type", "Default", "Meaning")
    table = grid(headers[:shown], [row[:shown] for row in rows])
    return f"### {cls.__name__}\n\n{prose(cls)}\n\n{table}"


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
