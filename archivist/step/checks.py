"""What the engine demands of the values that go into and come out of a step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, cast

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
from archivist.step.finds import accept_embedding, accept_faces

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

PROFILE_SPACES: Mapping[Colour, bytes] = {Colour.GREY: b"GRAY", Colour.RGB: b"RGB "}
"""What an ICC profile says of itself, at bytes 16 to 20, to fit an image (ICC.1:2022, 7.2)."""
PROFILE_HEAD = 128
"""Bytes of the header of an ICC profile."""


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


def accept_outputs(
    spec: StepSpec,
    inputs: Mapping[str, Value],
    outputs: Mapping[str, Value],
    scale: int,
    *,
    tile: bool = False,
) -> dict[str, Value]:
    """Return the outputs as the engine goes on with them: scores and faces as plain floats.

    A colour profile that a step handed on to an image of other channels is left out. Raises
    :class:`BadOutput` unless outputs are exactly the declared ones and are sane. They are ``scale``
    times as large as the input ``image``, if there is one. A ``tile`` may be all black.
    """
    declared = {port.name: port for port in spec.outputs}
    if not isinstance(outputs, Mapping):
        raise BadOutput(f"{spec.id} returned {type(outputs).__name__}, expected a mapping")
    if set(outputs) != set(declared):
        message = f"{spec.id} returned {sorted(map(str, outputs))}, declared are {sorted(declared)}"
        raise BadOutput(message)
    source = inputs.get("image")
    accepted = {
        name: _accept_output(spec, port, outputs[name], source, scale)
        for name, port in declared.items()
    }
    for name, value in accepted.items():
        if not tile and isinstance(value, Image) and isinstance(source, Image):
            _check_not_black(f"{spec.id}: output {name!r}", value, source)
    return accepted


def accept_verdict(spec: StepSpec, verdict: object) -> Verdict:
    """Return what a probe or a step said of the need for it, the scores as plain floats.

    Raises :class:`BadOutput` when it is no verdict, or does not say why the step is not needed.
    """
    if not isinstance(verdict, Verdict):
        raise BadOutput(f"{spec.id}: `applies` returned {type(verdict).__name__}, no Verdict")
    place, reason = f"{spec.id}: the verdict", cast("object", verdict.reason)
    if not isinstance(reason, str):
        raise BadOutput(f"{place} has a reason of type {type(reason).__name__}, expected text")
    if not verdict.needed and not reason.strip():
        raise BadOutput(f"{place} says that the step is not needed, and the reason is empty")
    return replace(verdict, scores=accept_scores(place, verdict.scores))


def accept_refusal(spec: StepSpec, verdict: Verdict) -> Verdict:
    """Return a verdict in the place of outputs; it says why there are none, else BadOutput."""
    if verdict.needed or not str(verdict.reason).strip():
        message = f"{spec.id} returned a verdict instead of its outputs"
        raise BadOutput(f"{message}; that is for work that is not needed, with the reason")
    return accept_verdict(spec, verdict)


def _accept_output(
    spec: StepSpec, port: Port, value: Value, source: Value | None, scale: int
) -> Value:
    place = f"{spec.id}: output {port.name!r}"
    if not isinstance(value, CLASSES[port.kind]):
        raise BadOutput(f"{place} is {type(value).__name__}, expected {port.kind}")
    if isinstance(source, Image) and isinstance(value, Image | Mask | Probability):
        _check_size(place, value.pixels, source, scale)
    if isinstance(value, Image):
        _check_image(place, value)
        return _accept_profile(place, port, value, source)
    if isinstance(value, Scores):
        return Scores(accept_scores(place, value.values))
    if isinstance(value, Probability):
        _check_plane(place, value.pixels, np.float32)
        check_range(place, value.pixels)
    elif isinstance(value, Mask):
        _check_plane(place, value.pixels, np.bool_)
    elif isinstance(value, TransferMap):
        _check_transfer_map(place, value, source, scale)
    size = None
    if isinstance(source, Image):
        size = (source.width * scale, source.height * scale)
    if isinstance(value, Faces):
        return accept_faces(place, value, size)
    if isinstance(value, Embedding):
        return accept_embedding(place, value, size)
    return value


def accept_scores(place: str, scores: object) -> dict[str, float]:
    """Return scores as plain floats, those of numpy too; the catalog takes nothing else.

    Raises :class:`BadOutput` for names that are no printable text and values that are no finite
    numbers; ``place`` says whose they are.
    """
    if not isinstance(scores, Mapping):
        raise BadOutput(f"{place} has scores of type {type(scores).__name__}, expected a mapping")
    for name, score in scores.items():
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            cure = "a name is printable text: letters, digits, _ and ."
            raise BadOutput(f"{place} has a score named {name!r}; {cure}")
        if not isinstance(score, Real | np.bool_):
            found = type(score).__name__
            raise BadOutput(f"{place}: the score {name!r} is of type {found}, expected a number")
        if not math.isfinite(score):
            raise BadOutput(f"{place}: the score {name!r} is not finite")
    return {name: float(score) for name, score in scores.items()}


def _accept_profile(place: str, port: Port, value: Image, source: Value | None) -> Image:
    """Return the image with the profile that it may have: that of the scan, byte for byte.

    Another one is for a picture of other channels, on which the old one would be false. Images
    beside the photograph need none.
    """
    given = source if isinstance(source, Image) else None
    if port.name == "image" and given is not None and given.colour is value.colour:
        if value.icc == given.icc:
            return value
        cure = "hand on the `icc` of the input, as `with_pixels` does"
        raise BadOutput(f"{place} has another colour profile than the input; {cure}")
    if value.icc is None:
        return value
    if given is not None and given.colour is not value.colour and value.icc == given.icc:
        return replace(value, icc=None)
    wanted = PROFILE_SPACES[value.colour]
    if not _is_profile(value.icc, wanted):
        cure = f"give a profile for {value.colour}, or None"
        raise BadOutput(f"{place} has an `icc` that is no colour profile of such images; {cure}")
    return value


def _is_profile(data: object, space: bytes) -> bool:
    """Tell whether bytes begin as an ICC profile of a colour space and are as long as they say."""
    if not isinstance(data, bytes) or len(data) <= PROFILE_HEAD:
        return False
    whole = int.from_bytes(data[:4], "big") == len(data)
    return whole and data[16:20] == space and data[36:40] == b"acsp"


def _check_image(place: str, value: Image) -> None:
    channels = 1 if value.colour is Colour.GREY else 3
    pixels = value.pixels
    if pixels.ndim != 3 or pixels.shape[2] != channels or pixels.dtype != np.float32:
        message = f"{place} is {pixels.dtype} of shape {pixels.shape}, expected float32"
        raise BadOutput(f"{message} (height, width, {channels})")
    check_range(place, pixels)


def _check_not_black(place: str, value: Image, source: Image) -> None:
    if not value.pixels.any() and source.pixels.any():
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
