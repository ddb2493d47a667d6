"""One call of a step: values in, checked values out, whole or tile by tile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archivist.api.steps import StepSpec, TilingMode, Verdict
from archivist.api.values import Scores
from archivist.plugins import make_params
from archivist.step.calling import ask, call
from archivist.step.checks import accept_outputs, check_inputs
from archivist.step.context import WorkerContext
from archivist.step.held import Held, hold
from archivist.step.tiled import run_tiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What came out of a step. ``skipped`` says why it was not needed, None when it ran."""

    skipped: str | None = None
    outputs: Mapping[str, Held] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    tiling: Mapping[str, object] = field(default_factory=dict)


def execute(
    spec: StepSpec,
    params: Mapping[str, object],
    inputs: Mapping[str, Held],
    ctx: WorkerContext,
    *,
    scratch: Path,
    stream_above_mp: float,
) -> Execution:
    """Run a step. Raises :class:`StepError` (or whatever the step raises)."""
    made = make_params(spec, params)
    scores: dict[str, float] = {}
    if spec.applies is not None:
        verdict = _ask(spec, made, inputs, ctx)
        scores.update(verdict.scores)
        if not verdict.needed:
            return Execution(skipped=verdict.reason, scores=scores)
    if tiles_needed(spec, inputs):
        height, width, _ = inputs["image"].raster.shape
        largest = height * width * spec.scale(made) ** 2 / 1e6
        folder = scratch if largest > stream_above_mp else None
        outputs, found, tiling = run_tiled(spec, made, inputs, ctx, scratch=folder)
        return Execution(outputs=outputs, scores=scores | found, tiling=tiling)
    done = _whole(spec, made, inputs, ctx)
    return replace(done, scores={**scores, **done.scores})


def _ask(spec: StepSpec, params: Any, inputs: Mapping[str, Held], ctx: WorkerContext) -> Verdict:
    values = {name: held.value() for name, held in inputs.items()}
    check_inputs(spec, values)
    return ask(spec, values, params, ctx)


def _whole(
    spec: StepSpec, params: Any, inputs: Mapping[str, Held], ctx: WorkerContext
) -> Execution:
    values = {name: held.value() for name, held in inputs.items()}
    check_inputs(spec, values)
    outputs = call(spec, values, params, ctx)
    if isinstance(outputs, Verdict):
        return Execution(skipped=outputs.reason, scores=outputs.scores)
    outputs = accept_outputs(spec, values, outputs, spec.scale(params))
    scores: dict[str, float] = {}
    for value in outputs.values():
        if isinstance(value, Scores):
            scores.update(value.values)
    tiling: dict[str, object] = {"mode": str(spec.tiling.mode)}
    if ctx.tile_used:
        tiling["size"] = ctx.tile_used
    made = {port.name: hold(port, outputs[port.name]) for port in spec.outputs}
    return Execution(outputs=made, scores=scores, tiling=tiling)


def tiles_needed(spec: StepSpec, inputs: Mapping[str, Held]) -> bool:
    """Tell whether the engine cuts the image: the step allows it and a tile is smaller."""
    image = inputs.get("image")
    if spec.tiling.mode is not TilingMode.TILED or image is None:
        return False
    height, width, _ = image.raster.shape
    return max(height, width) > spec.tiling.size
