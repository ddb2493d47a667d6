"""From a dotted string in a plugin's description to the code that it names."""

from __future__ import annotations

import importlib
from typing import Any

from archivist.api.errors import PluginError


def resolve(text: str) -> Any:
    """Return the object that ``package.module:name`` names, importing its module.

    Raises :class:`~archivist.api.errors.PluginError` when there is no such module or name.
    """
    module_name, colon, names = text.partition(":")
    if not (module_name and colon and names):
        raise PluginError(text, "is not of the form 'package.module:name'")
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise PluginError(text, f"the module cannot be imported: {error}") from error
    for name in names.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise PluginError(text, f"module {module_name} has no {names!r}") from error
    return found
