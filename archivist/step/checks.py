"""What the engine demands of the values that go into and come out of a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from archivist.api.errors import BadInput, BadOutput
from archivist.api.steps import Kind, Port, StepSpec, Verdict
from archivist.api.values import (
    Colour,
    Embedding,
    Faces,
    Image,
    Mask,
    Probability,
    References,
    Scores,
    TransferMap,
    Value,
)

CLASSES: Mapping[Kind, type] = {
    Kind.IMAGE: Image,
    Kind.MASK: Mask,
    Kind.PROBABILITY: Probability,
    Kind.FACES: Faces,
    Kind.REFERENCES: References,
    Kind.TRANSFER_MAP: TransferMap,
    Kind.EMBEDDING: Embedding,
    Kind.SCORES: Scores,
}
"""The class of the value at a port of each kind."""

TOLERANCE = 1e-3
"""A sample may leave 0..1 by this much: rounding of a resampling filter, not a wrong scale."""


def check_inputs(spec: StepSpec, inputs: Mapping[str, Value]) -> None:
    """Raise :class:`BadInput` when an input is missing, of a wrong kind, or of another size."""
    ports = {port.name: port for port in spec.inputs}
    for port in spec.inputs:
        if port.name not in inputs:
            if port.required and not port.previous:
                raise BadInput(f"{spec.id}: input {port.name!r} is missing")
            continue
        value = inputs[port.name]
        if not isinstance(value, CLASSES[port.kind]):
            found = type(value).__name__
            raise BadInput(f"{spec.id}: input {port.name!r} is {found}, expected {port.kind}")
    image = inputs.get("image")
    if not isinstance(image, Image):
        return
    for name, value in inputs.items():
        if not isinstance(value, Mask | Probability):
            continue
        if value.pixels.shape != image.pixels.shape[:2]:
            message = f"{spec.id}: {name!r} is {_size(value.pixels)}, the image"
            cure = f"Cure: give it the size of the upright photograph. {ports[name].doc}"
            raise BadInput(f"{message} {_size(image.pixels)}. {cure.strip()}")


def check_outputs(
    spec: StepSpec, inputs: Mapping[str, Value], outputs: Mapping[str, Value], scale: int
) -> None:
    """Raise :class:`BadOutput` unless outputs are exactly the declared ones and are sane.

    They are ``scale`` times as large as the input ``image``, if there is one.
    """
    declared = {port.name: port for port in spec.outputs}
    if not isinstance(outputs, Mapping):
        raise BadOutput(f"{spec.id} returned {type(outputs).__name__}, expected a mapping")
    if set(outputs) != set(declared):
        message = f"{spec.id} returned {sorted(outputs)}, declared are {sorted(declared)}"
        raise BadOutput(message)
    for name, port in declared.items():
        _check_output(spec, port, outputs[name], inputs.get("image"), scale)


def check_verdict(spec: StepSpec, verdict: Verdict) -> None:
    """Raise :class:`BadOutput` unless a verdict in the place of outputs says why there are none."""
    if verdict.needed or not verdict.reason.strip():
        message = f"{spec.id} returned a verdict instead of its outputs"
        raise BadOutput(f"{message}; that is for work that is not needed, with the reason")


def _check_output(
    spec: StepSpec, port: Port, value: Value, source: Value | None, scale: int
) -> None:
    place = f"{spec.id}: output {port.name!r}"
    if not isinstance(value, CLASSES[port.kind]):
        raise BadOutput(f"{place} is {type(value).__name__}, expected {port.kind}")
    if isinstance(source, Image) and isinstance(value, Image | Mask | Probability):
        _check_size(place, value.pixels, source, scale)
    if isinstance(value, Image):
        _check_image(place, value, source)
    elif isinstance(value, Probability):
        _check_plane(place, value.pixels, np.float32)
        check_range(place, value.pixels)
    elif isinstance(value, Mask):
        _check_plane(place, value.pixels, np.bool_)
    elif isinstance(value, Scores):
        bad = [name for name, score in value.values.items() if not np.isfinite(score)]
        if bad:
            raise BadOutput(f"{place}: {', '.join(bad)} is not a finite number")
    elif isinstance(value, TransferMap):
        _check_transfer_map(place, value, source, scale)


def _check_image(place: str, value: Image, source: Value | None) -> None:
    channels = 1 if value.colour is Colour.GREY else 3
    pixels = value.pixels
    if pixels.ndim != 3 or pixels.shape[2] != channels or pixels.dtype != np.float32:
        message = f"{place} is {pixels.dtype} of shape {pixels.shape}, expected float32"
        raise BadOutput(f"{message} (height, width, {channels})")
    check_range(place, pixels)
    black = not pixels.any()
    if black and isinstance(source, Image) and source.pixels.any():
        raise BadOutput(f"{place} is all black, the input was not")


def _check_transfer_map(place: str, value: TransferMap, source: Value | None, scale: int) -> None:
    size = value.source.shape
    wrong = (
        value.source.ndim != 2
        or value.position.shape != (*size, 2)
        or value.similarity.shape != size
        or {value.source.dtype, value.position.dtype} != {np.dtype(np.int32)}
        or value.similarity.dtype != np.float32
    )
    if wrong:
        message = f"{place}: source is {value.source.dtype} {size}, position"
        message = f"{message} {value.position.dtype} {value.position.shape}, similarity"
        message = f"{message} {value.similarity.dtype} {value.similarity.shape}"
        raise BadOutput(f"{message}; expected int32 (h, w), int32 (h, w, 2) and float32 (h, w)")
    check_range(f"{place}: similarity", value.similarity)
    last = len(value.assets) - 1
    if value.stride < 1 or value.source.min() < -1 or value.source.max() > last:
        message = f"{place}: source spans {value.source.min()} to {value.source.max()}"
        raise BadOutput(f"{message}, allowed is -1 to {last}; stride is {value.stride}")
    if isinstance(source, Image):
        sides = (source.height * scale, source.width * scale)
        if size != tuple(-(-side // value.stride) for side in sides):
            message = f"{place} is of shape {size} with a stride of {value.stride}"
            raise BadOutput(f"{message}, which does not cover {sides[1]} x {sides[0]} pixels")


def _check_size(place: str, pixels: np.ndarray[Any, Any], source: Image, scale: int) -> None:
    """Refuse another size: a part of the photograph would be lost, or a mask not lie on it."""
    height, width = source.pixels.shape[:2]
    if pixels.shape[:2] != (height * scale, width * scale):
        expected = f"expected {width * scale} x {height * scale}"
        raise BadOutput(f"{place} is of shape {pixels.shape}, {expected} (the image times {scale})")


def _check_plane(place: str, pixels: np.ndarray[Any, Any], dtype: Any) -> None:
    if pixels.ndim != 2 or pixels.dtype != dtype:
        message = f"{place} is {pixels.dtype} of shape {pixels.shape}"
        raise BadOutput(f"{message}, expected {np.dtype(dtype)} (height, width)")


def check_range(place: str, pixels: np.ndarray[Any, Any]) -> None:
    """Raise :class:`BadOutput` for NaN, infinity, or samples clearly outside 0..1."""
    if not pixels.size:
        raise BadOutput(f"{place} is empty")
    low, high = float(pixels.min()), float(pixels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise BadOutput(f"{place} holds NaN or infinity")
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise BadOutput(f"{place} spans {low:.4g} to {high:.4g}, allowed is 0 to 1")


def _size(pixels: np.ndarray[Any, Any]) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
