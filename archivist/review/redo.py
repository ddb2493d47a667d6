"""Params with which a rejected result is to be made again: ``scratch.detect.threshold=0.6``."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping

from archivist.api.errors import UsageError
from archivist.api.steps import Kind, StepSpec
from archivist.config import unknown
from archivist.plugins import make_params, plain_params

Redo = Mapping[str, Mapping[str, object]]
"""Params by step."""
_SHAPE = "STEP.PARAM=VALUE, such as scratch.detect.threshold=0.6"


def read_redo(
    texts: Iterable[str], specs: Mapping[str, StepSpec], made_by: Collection[str] = ()
) -> Redo:
    """Return the params that texts ask for, checked against the steps that are installed.

    ``made_by`` are the steps of the result's recipe, when they are known. Raises UsageError (or
    ConfigError, with the range of the param).
    """
    found: dict[str, dict[str, object]] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        step, dot, name = place.strip().rpartition(".")
        if not (equals and dot and step):
            raise UsageError(f"{text!r} is no param. Cure: {_SHAPE}")
        if made_by and step not in made_by:
            raise UsageError(f"--redo {text}: {unknown(step, made_by)}")
        if step not in specs:
            raise UsageError(f"--redo {text}: {unknown(step, specs)}")
        params = found.setdefault(step, {})
        if name in params:
            raise UsageError(f"--redo gives {place.strip()} twice. Cure: give it once")
        params[name] = _value(value.strip())
    return {step: _checked(specs[step], params) for step, params in found.items()}


def _value(text: str) -> object:
    """Return a value as TOML reads it, or as text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _checked(spec: StepSpec, params: Mapping[str, object]) -> dict[str, object]:
    if any(port.kind is Kind.EMBEDDING for port in spec.outputs):
        raise UsageError(
            f"{spec.id} describes all pictures in the same way, so that they can be compared. "
            "Cure: change its params in the recipe"
        )
    plain = plain_params(make_params(spec, params, where="--redo", key=spec.id))
    return {name: plain[name] for name in params}
