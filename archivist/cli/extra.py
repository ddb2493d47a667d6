"""Commands that plugins add, found without importing them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

GROUP = "archivist.commands"
"""Entry points of this group add commands: ``NAME = package.module:command``."""


def plugin_commands() -> dict[str, str]:
    """Return the commands of installed distributions: name -> ``package.module:command``.

    This reads ``entry_points.txt`` itself, because ``--help`` needs it: importing
    ``importlib.metadata`` alone takes as long as starting Python (15 ms), this takes 1 ms. It sees
    what pip installs; first on the path wins, as for an import.
    """
    found: dict[str, str] = {}
    for folder in sys.path:
        for text in _entry_point_files(folder or os.curdir):
            for name, target in _group(text):
                found.setdefault(name, target)
    return found


def _entry_point_files(folder: str) -> Iterator[str]:
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".dist-info")]  # noqa: PTH208
    except OSError:
        return
    for name in sorted(names):
        try:
            with open(f"{folder}/{name}/entry_points.txt", encoding="utf-8") as stream:  # noqa: PTH123
                text = stream.read()
        except (OSError, UnicodeDecodeError):
            continue
        if f"[{GROUP}]" in text:
            yield text


def _group(text: str) -> Iterator[tuple[str, str]]:
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and "=" in line and not line.startswith(("#", ";")):
            name, _, target = line.partition("=")
            yield name.strip(), target.strip()
