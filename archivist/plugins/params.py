"""The params of a step: described for people, and built from settings with errors that help."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from archivist.api.errors import ConfigError
from archivist.api.steps import StepSpec

PLAIN_TYPES = (bool, int, float, str)
"""The types that TOML, JSON and a params dataclass have in common."""

_NOUNS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


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
        return self.type + _range_text(self.low, self.high)


def describe_params(spec: StepSpec) -> tuple[ParamInfo, ...]:
    """Return the params of a step in the order of their declaration."""
    hints = _hints(spec.params)
    return tuple(_describe(field, hints[field.name]) for field in dataclasses.fields(spec.params))


def make_params(
    spec: StepSpec, values: Mapping[str, object], *, where: str = "", key: str = ""
) -> Any:
    """Return the params of a step: its defaults, replaced by ``values`` as read from TOML or JSON.

    Lists become tuples, texts become members of enums, whole numbers become floats where the field
    is one. ``where`` (a file) and ``key`` (a dotted key) go into the errors. Raises
    :class:`~archivist.api.errors.ConfigError` for an unknown name, a wrong type, or a value out of
    the allowed range or choices.
    """
    fields = {field.name: field for field in dataclasses.fields(spec.params)}
    hints = _hints(spec.params)
    unknown = [name for name in values if name not in fields]
    if unknown:
        raise _unknown(spec, unknown[0], list(fields), where, key)
    return spec.params(
        **{
            name: _checked(value, fields[name], hints[name], where, f"{key}.{name}".strip("."))
            for name, value in values.items()
        }
    )


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
        type=_type_text(hint),
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
    try:
        _convert(_plain(field.default), hint)
    except _UnknownTypeError as error:
        return str(error)
    except ValueError as error:
        return f"its default {field.default!r} does not fit its type: {error}"
    try:
        _checked(_plain(field.default), field, hint, "", "")
    except ConfigError as error:
        return f"its default does not fit: {error}"
    return None


def _unknown(spec: StepSpec, name: str, known: list[str], where: str, key: str) -> ConfigError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    names = ", ".join(sorted(known)) or "none"
    message = f"step {spec.id!r} has no param {name!r}; {hint}It has: {names}"
    return ConfigError(message, where=where, key=f"{key}.{name}".strip("."))


def _checked(
    value: object, field: dataclasses.Field[Any], hint: Any, where: str, key: str
) -> object:
    try:
        result = _convert(value, hint)
    except ValueError as error:
        raise ConfigError(str(error), where=where, key=key) from error
    low, high = field.metadata.get("low"), field.metadata.get("high")
    choices = _choices(field, hint)
    for item in result if isinstance(result, tuple) else (result,):
        plain = _plain(item)
        if choices and plain not in choices and item is not None:
            raise ConfigError(_not_a_choice(plain, choices), where=where, key=key)
        number = isinstance(item, int | float) and not isinstance(item, bool)
        if number and not _within(item, low, high):
            allowed = f"a number{_range_text(low, high)}"
            raise ConfigError(f"must be {allowed}, is {item!r}", where=where, key=key)
    return result


def _within(value: float, low: float | None, high: float | None) -> bool:
    if not math.isfinite(value):
        return False
    return (low is None or value >= low) and (high is None or value <= high)


def _not_a_choice(value: object, choices: Sequence[object]) -> str:
    texts = [str(choice) for choice in choices]
    near = difflib.get_close_matches(str(value), texts, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"must be one of {', '.join(map(repr, choices))}, is {value!r}{hint}"


class _UnknownTypeError(ValueError):
    """A field has a type that settings cannot express."""


def _convert(value: object, hint: Any) -> object:
    """Return the value in the type of a field. Raises ValueError that says what is allowed."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_optional(value, hint)
    if origin is tuple:
        return _convert_tuple(value, typing.get_args(hint))
    if origin is typing.Literal:
        return _member(value, typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(_member(value, [item.value for item in hint]))
    if hint not in PLAIN_TYPES:
        known = "bool, int, float, str, tuple, Literal, an enum, or one of them | None"
        raise _UnknownTypeError(f"type {_type_text(hint)} is not supported; use {known}")
    return _convert_plain(value, hint)


def _convert_plain(value: object, hint: type) -> object:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # bool is a subclass of int: `size = true` must not pass for a number.
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"must be {_NOUNS[hint]}, is {value!r}")
    return value


def _convert_optional(value: object, hint: Any) -> object:
    inner = [item for item in typing.get_args(hint) if item is not types.NoneType]
    if len(inner) != 1:
        raise _UnknownTypeError(
            f"type {_type_text(hint)} is not supported; use one type, or | None"
        )
    if value is None and len(inner) < len(typing.get_args(hint)):
        return None
    return _convert(value, inner[0])


def _convert_tuple(value: object, hints: tuple[Any, ...]) -> tuple[object, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"must be a list, is {value!r}")
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(hints) != len(value):
        raise ValueError(f"must be a list of {len(hints)} values, has {len(value)}")
    return tuple(_convert(item, hint) for item, hint in zip(value, hints, strict=True))


def _member(value: object, members: Sequence[object]) -> object:
    for member in members:
        if value == member and type(value) is type(member):
            return member
    raise ValueError(_not_a_choice(value, members))


def _choices(field: dataclasses.Field[Any], hint: Any) -> tuple[object, ...]:
    declared = tuple(_plain(choice) for choice in field.metadata.get("choices", ()))
    if declared:
        return declared
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return tuple(item.value for item in hint)
    return ()


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _type_text(hint: Any) -> str:
    if hint in _NOUNS:
        return _NOUNS[hint]
    return getattr(hint, "__name__", str(hint)) if isinstance(hint, type) else str(hint)


def _range_text(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if low is not None:
        return f" of at least {low:g}"
    return f" of at most {high:g}" if high is not None else ""
