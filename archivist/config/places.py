"""Where the files and folders lie that a configuration names.

A configuration is used by hand, by cron and on other machines: a relative path in it counts from
the folder of its file, never from where a command happens to be given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archivist.config.settings import Settings

_SQLITE = "sqlite:///"


def placed(settings: Settings, folder: Path) -> Settings:
    """Return settings whose paths are absolute; relative ones count from ``folder``.

    Paths are the fields declared with ``is_path``, the inputs of recipes, and the file of an SQLite
    catalog.
    """
    tables: dict[str, Any] = {
        name: dataclasses.replace(table, **placed_values(table, _values(table), folder))
        for name, table in _values(settings).items()
        if dataclasses.is_dataclass(table) and not isinstance(table, type)
    }
    url = _url_in_place(settings.catalog.url, folder)
    tables["catalog"] = dataclasses.replace(settings.catalog, url=url)
    recipes = {
        name: dataclasses.replace(
            recipe, inputs={port: in_place(path, folder) for port, path in recipe.inputs.items()}
        )
        for name, recipe in settings.recipes.items()
    }
    return dataclasses.replace(settings, **tables, recipes=recipes)


def placed_values(declared: Any, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the values of a dataclass (or an instance) with those declared ``is_path`` placed."""
    paths = {f.name for f in dataclasses.fields(declared) if f.metadata.get("is_path")}
    return {
        name: in_place(value, folder) if name in paths else value for name, value in values.items()
    }


def in_place(value: Any, folder: Path) -> Any:
    """Return a path, or each of several, as absolute text; ``~`` is the home folder.

    The empty text stays empty, and what is no text stays as it is, for others to refuse.
    """
    if isinstance(value, list | tuple):
        return type(value)(in_place(one, folder) for one in value)
    if not isinstance(value, str) or not value:
        return value
    return str(folder.absolute() / Path(value).expanduser())


def _values(table: Any) -> dict[str, Any]:
    return {field.name: getattr(table, field.name) for field in dataclasses.fields(table)}


def _url_in_place(url: str, folder: Path) -> str:
    """Return the URL of a catalog; the relative file of an SQLite database is placed."""
    file = url.removeprefix(_SQLITE)
    if file == url or not file or file.startswith((":", "file:")):
        return url
    return f"{_SQLITE}{in_place(file, folder)}"
