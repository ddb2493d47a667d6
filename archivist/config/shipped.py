"""The recipes that ship, and which distribution each of their steps comes with."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any


@cache
def _shipped() -> Mapping[str, Any]:
    text = resources.files("archivist").joinpath("recipes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def shipped_recipes() -> Mapping[str, Any]:
    """Return the tables of the recipes that ship, by name."""
    recipes: Mapping[str, Any] = _shipped()["recipes"]
    return recipes


def first_party_steps() -> Mapping[str, str]:
    """Return the distribution of each step of our own, so that a missing one can be named."""
    homes: Mapping[str, str] = _shipped()["distributions"]
    return homes
