"""The promises of a step, each tried on samples, each answered with one readable line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archivist.api.errors import WeightsCorrupt, WeightsMissing
from archivist.api.steps import Device, StepSpec
from archivist.api.values import Image, Value
from archivist.plugins import spec_problems
from archivist.step.calling import failures
from archivist.testing import behaviour, description
from archivist.testing.case import Case
from archivist.testing.guards import own_folder, own_randomness
from archivist.testing.samples import sample_inputs

MakeInputs = Callable[[Image], Mapping[str, Value]]


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise of a step. ``kept`` is None if it could not be examined; ``detail`` says why."""

    title: str
    kept: bool | None
    detail: str = ""

    def __str__(self) -> str:
        mark = {True: "kept", False: "BROKEN", None: "not examined"}[self.kept]
        return f"{mark}: {self.title}" + (f": {self.detail}" if self.detail else "")


def assert_step_conforms(
    spec: StepSpec,
    params: Any = None,
    *,
    device: str = "cpu",
    folders: Sequence[Path] | None = None,
    module: str | None = None,
    inputs: MakeInputs | None = None,
) -> None:
    """Raise AssertionError with one line for each promise that the step does not keep.

    The arguments are those of :func:`check_step`. A promise that cannot be examined here (missing
    weights, no GPU) counts as not kept: a test shall not pass because nothing was tried.
    """
    __tracebackhide__ = True
    promises = check_step(
        spec, params, device=device, folders=folders, module=module, inputs=inputs
    )
    lines = [str(promise) for promise in promises if not promise.kept]
    if lines:
        raise AssertionError("\n".join([f"step {spec.id!r} does not conform:", *lines]))


def check_step(
    spec: StepSpec,
    params: Any = None,
    *,
    device: str = "cpu",
    folders: Sequence[Path] | None = None,
    module: str | None = None,
    inputs: MakeInputs | None = None,
) -> tuple[Promise, ...]:
    """Try all promises of a step on samples and return what was found, in order.

    The step gets its required inputs alone, as in most recipes; one check adds the optional ones.

    ``params`` are an instance, a mapping or None for the defaults; ``folders`` hold imported
    weights; ``module`` is the module of the plugin (default: the one in which the params are
    declared); ``inputs`` makes the inputs for a sample image, for steps that want special ones.
    """
    problems = spec_problems(spec)
    title = "The description is complete"
    if problems:
        return (Promise(title, False, "; ".join(problems)),)
    case = Case(
        spec=spec,
        params=params,
        device=device,
        folders=folders,
        module=module,
        make_inputs=inputs or (lambda image: sample_inputs(spec, image, optional=False)),
    )
    # Whatever the step does to the caller's random generators and folder is undone.
    with own_randomness(0), own_folder():
        found = [_try(case, name, check) for name, check in _checks(spec)]
    return (Promise(title, True), *found)


def _checks(spec: StepSpec) -> Iterator[tuple[str, Callable[[Case], str | None]]]:
    yield "Every dotted string names code that can be imported", description.code
    yield "The plugin module loads within 50 ms, without numpy", description.light
    yield "The params survive a round trip through JSON", description.round_trip
    yield "The weights are there, with the declared digest", description.weights
    yield "It returns exactly the declared outputs, sane in kind and range", behaviour.outputs
    yield "It leaves its inputs unchanged", behaviour.inputs_unchanged
    yield f"The same seed gives the same result ({spec.determinism})", behaviour.repeatable
    yield "It leaves the global random state alone", behaviour.randomness
    yield "It uses no file but its weights, no network, no other program", behaviour.isolation
    for name, image in behaviour.unusual_images():
        yield f"It takes or refuses {name}", behaviour.takes(image)
    if any(not port.required for port in spec.inputs):
        yield "It works with its optional inputs too", behaviour.with_optional
    yield "Its memory stays within 1.5 times the declared cost", behaviour.memory
    if spec.applies:
        yield "The probe `applies` returns a Verdict", behaviour.probe
    if spec.estimate:
        yield "`estimate` returns a Cost", behaviour.estimate
    if spec.self_test:
        yield "The self test passes", behaviour.self_test


def _try(case: Case, title: str, check: Callable[[Case], str | None]) -> Promise:
    on_cpu = case.device == "cpu" and case.spec.cost.device == Device.GPU
    if on_cpu and check.__module__ == behaviour.__name__:
        return Promise(title, None, "the step needs a GPU: use --device cuda")
    try:
        with failures(case.spec):
            problem = check(case)
    except (WeightsMissing, WeightsCorrupt) as error:
        # The check of the weights says what to do; the others need not say it again.
        if check is description.weights:
            return Promise(title, False, str(error))
        return Promise(title, None, "its weights are not there")
    except Exception as error:  # noqa: BLE001 - the step is somebody's code; its fault is the answer
        return Promise(title, False, f"{type(error).__name__}: {error}")
    return Promise(title, problem is None, problem or "")
