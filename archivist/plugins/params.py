"""The params of a step: described for people, and built from settings with errors that help.

The rules of settings hold here too (:mod:`archivist.config`); params may also be enums, Literals,
tuples of a fixed length, and optional.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from archivist import config
from archivist.api.errors import ConfigError
from archivist.api.extensions import ExporterSpec
from archivist.api.steps import StepSpec

NOUNS: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}
"""The types that TOML, JSON and a params dataclass have in common, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamInfo:
    """One param as people see it. ``choices`` are plain values, empty when it is not a choice."""

    name: str
    type: str
    default: object
    doc: str
    low: float | None
    high: float | None
    choices: tuple[object, ...]
    affects_pixels: bool

    @property
    def allowed(self) -> str:
        """What may be written: ``a number from 0 to 1``, ``one of 'telea', 'ns'``."""
        if self.choices:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)
        if self.low is not None and self.high is not None:
            return f"{self.type} from {self.low:.12g} to {self.high:.12g}"
        if self.low is not None:
            return f"{self.type} of at least {self.low:.12g}"
        return self.type if self.high is None else f"{self.type} of at most {self.high:.12g}"


def describe_params(spec: StepSpec | ExporterSpec) -> tuple[ParamInfo, ...]:
    """Return the params of a step or exporter in the order of their declaration."""
    hints = _hints(spec.params)
    return tuple(_describe(field, hints[field.name]) for field in dataclasses.fields(spec.params))


def make_params(
    spec: StepSpec | ExporterSpec,
    values: Mapping[str, object],
    *,
    where: str = "",
    key: str = "",
) -> Any:
    """Return the params of a step or exporter: its defaults, replaced by ``values``.

    Those are as read from TOML or JSON: lists become tuples, texts become members of enums, whole
    numbers become floats where the field is one. ``where`` (a file) and ``key`` (a dotted key) go
    into the errors. Raises
    :class:`~archivist.api.errors.ConfigError` for an unknown name, a wrong type, or a value out of
    the allowed range or choices.
    """
    fields = {field.name: field for field in dataclasses.fields(spec.params)}
    hints, made = _hints(spec.params), {}
    for name, value in values.items():
        dotted = f"{key}.{name}" if key else name
        if name not in fields:
            noun = "step" if isinstance(spec, StepSpec) else "exporter"
            message = f"{noun} {spec.id!r}: {config.unknown(name, fields)}"
            raise ConfigError(message, where=where, key=dotted)
        made[name] = _checked(value, fields[name], hints[name], where, dotted)
    return spec.params(**made)


def plain_params(params: Any) -> dict[str, object]:
    """Return all params as values that JSON and TOML have: enums as values, tuples as lists."""
    return {field.name: _plain(getattr(params, field.name)) for field in dataclasses.fields(params)}


def params_problems(cls: object) -> tuple[str, ...]:
    """Return what is wrong with a params class, in words; empty when it is fine."""
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        return (f"params {cls!r} is not a dataclass",)
    problems = []
    if not vars(cls)["__dataclass_params__"].frozen:
        problems.append(f"params {cls.__name__} is not frozen: write @dataclass(frozen=True)")
    try:
        hints = _hints(cls)
    except (NameError, TypeError) as error:
        return (*problems, f"the types of params {cls.__name__} cannot be read: {error}")
    for field in dataclasses.fields(cls):
        problem = _field_problem(field, hints[field.name])
        if problem:
            problems.append(f"param {field.name}: {problem}")
    return tuple(problems)


@lru_cache(maxsize=256)
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _describe(field: dataclasses.Field[Any], hint: Any) -> ParamInfo:
    return ParamInfo(
        name=field.name,
        type=NOUNS.get(hint, str(hint)),
        default=_plain(field.default),
        doc=field.metadata.get("doc", ""),
        low=field.metadata.get("low"),
        high=field.metadata.get("high"),
        choices=_choices(field, hint),
        affects_pixels=field.metadata.get("affects_pixels", True),
    )


def _field_problem(field: dataclasses.Field[Any], hint: Any) -> str | None:
    if not field.metadata.get("doc"):
        return "it has no doc: declare it with archivist.api.param(default, doc=...)"
    if field.default is dataclasses.MISSING:
        return "it has no default"
    if not _supported(hint):
        known = "bool, int, float, str, tuple, Literal, an enum, or one of them | None"
        return f"type {getattr(hint, '__name__', hint)} is not supported; use {known}"
    try:
        _checked(_plain(field.default), field, hint, "", "")
    except ConfigError as error:
        return f"its default does not fit: {error}"
    return None


def _supported(hint: Any) -> bool:
    if hint in NOUNS or _members(hint):
        return True
    inner = _optional(hint)
    if inner is not None:
        return _supported(inner)
    items = [item for item in typing.get_args(hint) if item is not Ellipsis]
    return typing.get_origin(hint) is tuple and bool(items) and all(map(_supported, items))


def _checked(
    value: object, field: dataclasses.Field[Any], hint: Any, where: str, key: str
) -> object:
    result = _convert(value, hint, where, key)
    limits = {**field.metadata, "choices": _choices(field, hint)}
    for item in result if isinstance(result, tuple) else (result,):
        if item is None:
            continue
        if isinstance(item, float) and not math.isfinite(item):
            raise ConfigError(f"{item!r} is not a finite number", where=where, key=key)
        config.check_range(_plain(item), limits, where=where, key=key)
    return result


def _convert(value: object, hint: Any, where: str, key: str) -> object:
    """Return the value in the type of a field, or raise ConfigError."""
    inner = _optional(hint)
    if inner is not None:
        return None if value is None else _convert(value, inner, where, key)
    if _members(hint):
        config.check_range(value, {"choices": _members(hint)}, where=where, key=key)
        return hint(value) if isinstance(hint, type) else value
    if typing.get_origin(hint) is tuple:
        items = typing.get_args(hint)
        if isinstance(value, Sequence) and items[-1] is Ellipsis:
            items = (items[0],) * len(value)
        return _convert_items(value, items, where, key)
    return config.convert(value, hint, where=where, key=key)


def _convert_items(value: object, hints: Sequence[Any], where: str, key: str) -> tuple[object, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigError(f"expected a list, found {value!r}", where=where, key=key)
    if len(hints) != len(value):
        message = f"expected a list of {len(hints)} values, found {len(value)}"
        raise ConfigError(message, where=where, key=key)
    return tuple(_convert(item, hint, where, key) for item, hint in zip(value, hints, strict=True))


def _optional(hint: Any) -> Any:
    """Return X of a type ``X | None``, None for every other type."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return None
    inner = [item for item in typing.get_args(hint) if item is not types.NoneType]
    return inner[0] if len(inner) == 1 else None


def _members(hint: Any) -> tuple[object, ...]:
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return tuple(item.value for item in hint)
    return ()


def _choices(field: dataclasses.Field[Any], hint: Any) -> tuple[object, ...]:
    declared = tuple(_plain(choice) for choice in field.metadata.get("choices", ()))
    return declared or _members(hint)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
