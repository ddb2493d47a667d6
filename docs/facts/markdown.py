"""Docstrings and rows as Markdown."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any


def prose(item: Any) -> str:
    """Return a docstring as Markdown, its roles and double backticks made plain."""
    return plain(inspect.cleandoc(item.__doc__ or ""))


def plain(text: str) -> str:
    """Return the text of a docstring with its roles and double backticks made plain."""
    for role in (":class:", ":func:", ":mod:", ":data:"):
        text = text.replace(f"{role}`~archivist.api.errors.", "`").replace(role, "")
    return text.replace("`~archivist.api.values.", "`").replace("``", "`")


def attribute_docs(cls: type) -> Mapping[str, str]:
    """Return the texts that stand below the fields or members of a class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for item, text in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(text, ast.Expr) or not isinstance(text.value, ast.Constant):
            continue
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        if isinstance(target, ast.Name):
            found[target.id] = plain(" ".join(str(text.value.value).split()))
    return found


def grid(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [_row(headers), _row(["---"] * len(headers)), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
