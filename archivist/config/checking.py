"""Tables of TOML to dataclasses: names, types, ranges and choices checked, errors that help."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from archivist.api.errors import ConfigError

T = TypeVar("T")

_INT_END = 2**63
"""Whole numbers of TOML and of databases end before it."""


def build(cls: type[T], table: Mapping[str, Any], *, where: str, key: str = "") -> T:
    """Make a dataclass from a table, checking names, types, ranges and choices.

    ``where`` and ``key`` (the dotted key so far) enter the errors.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(f"expected a table, found {table!r}", where=where, key=key)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    values = {}
    for name, value in table.items():
        dotted = f"{key}.{name}" if key else name
        if name not in fields:
            raise ConfigError(unknown(name, fields), where=where, key=dotted)
        values[name] = convert(value, hints[name], where=where, key=dotted)
        check_range(values[name], fields[name].metadata, where=where, key=dotted)
    missing = [
        f.name
        for f in fields.values()
        if f.name not in values
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"is missing: {', '.join(missing)}", where=where, key=key)
    return cls(**values)


def unknown(name: str, known: typing.Iterable[str]) -> str:
    """Say that a name is unknown, which one was perhaps meant, and which ones there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown name {name!r}.{hint} Known: {', '.join(names) or 'none'}"


def convert(value: Any, hint: Any, *, where: str, key: str) -> Any:
    """Return a TOML value as the type of a field, or raise :class:`ConfigError`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast("type[Any]", hint), value, where=where, key=key)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ConfigError(f"expected a list, found {value!r}", where=where, key=key)
        items = enumerate(value)
        return tuple(convert(v, arguments[0], where=where, key=f"{key}[{n}]") for n, v in items)
    if origin in (dict, Mapping) or origin is getattr(types, "MappingType", Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"expected a table, found {value!r}", where=where, key=key)
        return {
            k: convert(v, arguments[1], where=where, key=f"{key}.{k}") for k, v in value.items()
        }
    if hint is Any or hint is object:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        kind = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
        raise ConfigError(f"expected {kind.get(hint, hint)}, found {value!r}", where=where, key=key)
    return value


def check_range(value: Any, metadata: Mapping[str, Any], *, where: str, key: str) -> None:
    """Raise :class:`ConfigError` when a value is outside the range or choices of its field.

    Infinity and NaN are in no range, and whole numbers have 64 bits, as TOML demands of them.
    """
    choices = metadata.get("choices") or ()
    for one in value if isinstance(value, tuple) else (value,):
        if choices and one not in choices:
            allowed = ", ".join(map(repr, choices))
            raise ConfigError(f"{one!r} is not allowed; allowed: {allowed}", where=where, key=key)
        if isinstance(one, float) and not math.isfinite(one):
            meaning = f" ({metadata['doc']})" if metadata.get("doc") else ""
            message = f"{one!r} is not a finite number. Cure: write one{meaning}"
            raise ConfigError(message, where=where, key=key)
        if type(one) is int and not -_INT_END <= one < _INT_END:
            message = f"{one!r} is too large: whole numbers have 64 bits"
            raise ConfigError(message, where=where, key=key)
        low, high = metadata.get("low"), metadata.get("high")
        if (low is not None and one < low) or (high is not None and one > high):
            limits = f"{'-inf' if low is None else low} to {'inf' if high is None else high}"
            raise ConfigError(f"{one!r} is outside the range {limits}", where=where, key=key)
