"""Run one step as the engine does, with its inputs and outputs checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archivist.api.steps import StepSpec, Verdict
from archivist.api.values import Value
from archivist.plugins import make_params, resolve
from archivist.step.checks import accept_outputs, accept_refusal, check_inputs
from archivist.testing.context import FakeContext
from archivist.testing.samples import freeze
from archivist.testing.values import arrays


def run_step(
    spec: StepSpec,
    params: Any = None,
    *,
    device: str = "cpu",
    seed: int = 0,
    folders: Sequence[Path] | None = None,
    **inputs: Value,
) -> Mapping[str, Value]:
    """Run a step on values and return its outputs, both checked against its ports.

    ``params`` is an instance of the step's params, a mapping as a recipe would give it, or None
    for the defaults. The arrays of the inputs are made read-only, as the engine does. A step that
    says that it is not needed gives no outputs. Raises what the step raises, ``BadInput`` or
    ``BadOutput``.
    """
    context = FakeContext(spec=spec, device=device, seed=seed, folders=folders)
    return run_values(spec, params, inputs, context)


def run_values(
    spec: StepSpec, params: Any, inputs: Mapping[str, Value], context: FakeContext
) -> Mapping[str, Value]:
    """Run a step in a given context; otherwise as :func:`run_step`."""
    for value in inputs.values():
        for array in arrays(value):
            freeze(array)
    check_inputs(spec, inputs)
    made = as_params(spec, params)
    outputs: Mapping[str, Value] | Verdict = resolve(spec.run)(inputs, made, context)
    if isinstance(outputs, Verdict):
        accept_refusal(spec, outputs)
        return {}
    return accept_outputs(spec, inputs, outputs, spec.scale(made))


def as_params(spec: StepSpec, params: Any) -> Any:
    """Return an instance of the step's params from an instance, a mapping, or None."""
    if params is None or isinstance(params, Mapping):
        return make_params(spec, params or {}, where="params")
    return params
