"""The text of ``config.example.toml``, written from the settings classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from archivist.config.settings import Settings
from archivist.model import OutputProfile


def example() -> str:
    """Return the text of ``config.example.toml``: every key with its meaning and default."""
    lines = ["# Every key of archivist's configuration with its default.", ""]
    lines += _example_of(Settings(), "")
    lines += _EXAMPLE_RECIPE
    return "\n".join(lines) + "\n"


def _example_of(settings: Any, section: str) -> list[str]:
    lines, later = [], []
    for f in dataclasses.fields(settings):
        value, dotted = getattr(settings, f.name), f"{section}.{f.name}" if section else f.name
        if dataclasses.is_dataclass(value):
            title = (type(value).__doc__ or "").splitlines()[0]
            later += [f"# {title}", f"[{dotted}]", *_example_of(value, dotted)]
        elif f.name == "profiles":
            later += [f"# {f.metadata['doc']}", *_example_profiles(dotted)]
        elif f.name == "rules":
            lines += [f"# {f.metadata['doc']}", f"{f.name} = []", *_EXAMPLE_RULES]
        elif f.name != "recipes":
            lines += [f"# {f.metadata['doc']}", f"{f.name} = {_toml(value)}"]
    return [*lines, "", *later]


def _example_profiles(section: str) -> list[str]:
    lines = []
    for profile in (OutputProfile(name="restored"),):
        lines += [f"[[{section}]]"]
        lines += [
            f"{f.name} = {_toml(getattr(profile, f.name))}" for f in dataclasses.fields(profile)
        ]
    return [
        *lines,
        "# A second profile: small copies for the reading room.",
        f"# [[{section}]]",
        '# name = "access"',
        '# folder = "access"',
        '# format = "jpeg"',
        '# depth = "8"',
        "# max_side = 2048",
        "",
    ]


_EXAMPLE_RULES = [
    "# rules = [",
    '#   { values = ["In copyright*"], deny = ["generative", "reference"] },',
    '#   { column = "consent", values = ["withdrawn"], deny = ["restoration", "reference"] },',
    "# ]",
]
_EXAMPLE_RECIPE = [
    "# A recipe: steps in their order, each with params of its own.",
    "[recipes.careful]",
    'title = "Only what is surely a scratch"',
    "steps = [",
    '  { use = "scratch.detect", threshold = 0.6 },',
    '  { use = "scratch.repair" },',
    "]",
    "# Other params for some assets: any fact of the catalog or column of the manifest.",
    "[[recipes.careful.overrides]]",
    "where = 'series == \"Glass negatives\"'",
    'use = "scratch.detect"',
    "threshold = 0.3",
]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        inside = ", ".join(f"{name} = {_toml(item)}" for name, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value)
