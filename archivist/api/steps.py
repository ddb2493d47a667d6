"""What a step says about itself: data plus dotted strings, so that listing it loads no code."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The kind of value at a port; each names a class of :mod:`archivist.api.values`."""

    IMAGE = "image"
    """A photograph."""
    MASK = "mask"
    """Chosen pixels."""
    PROBABILITY = "probability"
    """A graded map, 0..1."""
    FACES = "faces"
    """Boxes and landmarks."""
    REFERENCES = "references"
    """Images chosen from the same archive."""
    TRANSFER_MAP = "transfer_map"
    """Where texture was borrowed from."""
    EMBEDDING = "embedding"
    """Vectors for similarity search."""
    SCORES = "scores"
    """Named measurements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A named input or output of a step.

    An input is bound to the newest value of its name (and kind) that an earlier step of the recipe
    made; ``image`` starts as the scan. ``previous`` names one of the step's own outputs instead:
    the input is then what the step made last in a sequence (of the film frame or page before). It
    is missing at the first member, and where the size of the scans changes, so it cannot be
    required.
    """

    name: str
    kind: Kind
    doc: str = ""
    required: bool = True
    previous: str = ""


class Device(StrEnum):
    """Where a step computes."""

    CPU = "cpu"
    """On the CPU, whatever the worker has."""
    EITHER = "either"
    """On the worker's GPU when it has one, else on the CPU."""
    GPU = "gpu"
    """On a GPU only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a step needs. Memory in MiB, time in seconds, both as a base plus a share per megapixel.

    Values are for one image on one CPU core (or one GPU); the planner multiplies and compares them
    with what the machine has, the scheduler places work by them.
    """

    device: Device = Device.CPU
    ram_mib: float = 64.0
    ram_mib_per_mp: float = 48.0
    vram_mib: float = 0.0
    vram_mib_per_mp: float = 0.0
    seconds: float = 0.0
    seconds_per_mp: float = 0.1


class TilingMode(StrEnum):
    """How a step copes with an image larger than memory."""

    WHOLE = "whole"
    """It must see the whole image at once."""
    TILED = "tiled"
    """The engine may cut the image, call the step for each tile, and blend."""
    INTERNAL = "internal"
    """It sees the whole image and tiles its own heavy part with ``ctx.map_tiles``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """How the engine may cut an image for this step.

    ``overlap`` is the border, in input pixels, that neighbouring tiles share on each side: at least
    the radius of the step's receptive field if tiles shall equal the whole. Tile sides are
    multiples of ``multiple_of``. ``scale`` is output pixels per input pixel along a side.
    """

    mode: TilingMode = TilingMode.WHOLE
    size: int = 1024
    overlap: int = 0
    multiple_of: int = 1
    scale: int = 1


class Determinism(StrEnum):
    """How far a second run of the same step key agrees with the first."""

    EXACT = "exact"
    """Bit for bit, on any machine."""
    DEVICE = "device"
    """Bit for bit on the same kind of device; the device family is part of the step key."""
    TOLERANCE = "tolerance"
    """Within ``StepSpec.tolerance`` (largest difference, values 0..1)."""
    NONE = "none"
    """It need not agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A file of trained weights (safetensors).

    ``package`` ("archivist_scratch:weights/compact.safetensors") names a file shipped inside a
    package; without it the user brings a checkpoint with ``archivist weights import``, which calls
    ``importer`` ("mod:fn", taking source and destination paths) to convert it. ``sha256`` is the
    digest of the shipped file; None for imported weights, whose digest is recorded on import.
    ``when`` names the params for which the step needs this file, {} for always.
    """

    name: str
    licence: str
    source: str
    sha256: str | None = None
    size: int | None = None
    package: str | None = None
    importer: str | None = None
    when: Mapping[str, object] = field(default_factory=dict)
    research_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an ``applies`` probe says: is the step needed here, why, and by which measurements."""

    needed: bool
    reason: str
    scores: Mapping[str, float] = field(default_factory=dict)


def param(
    default: Any,
    *,
    doc: str,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[object] = (),
    affects_pixels: bool = True,
    is_path: bool = False,
) -> Any:
    """Declare a field of a params dataclass: default, meaning, range or choices.

    ``affects_pixels=False`` keeps the field out of the step key (a log level, for instance).
    ``is_path`` says that a setting, or a param of an exporter, names a file or folder: a relative
    one counts from the folder of the configuration.
    """
    metadata = {
        "doc": doc,
        "low": low,
        "high": high,
        "choices": tuple(choices),
        "affects_pixels": affects_pixels,
        "is_path": is_path,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class NoParams:
    """The params of a step that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpec:
    """A restoration step as data.

    ``run`` ("package.module:function") is imported in the worker only and has the signature
    ``run(inputs: Mapping[str, Value], params, ctx: StepContext) -> Mapping[str, Value]``.
    ``applies`` ("mod:fn", same arguments, returns :class:`Verdict`) says whether the step is
    needed; ``estimate`` ("mod:fn", taking width, height, params, returns :class:`Cost`) refines
    the cost; ``self_test`` ("mod:fn", taking a context) proves the installation in a few seconds.

    A step that finds only while at work that there is nothing to do may return a :class:`Verdict`
    (not needed, with the reason) instead of its outputs; it is then skipped, as by ``applies``.
    """

    id: str
    """Plugin name, dot, verb: ``scratch.detect``."""
    version: int
    """Raised when pixels may change; the planner compares it."""
    title: str
    run: str
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    params: type = NoParams
    """A frozen dataclass whose fields are made with :func:`param`."""
    cost: Cost = Cost()
    tiling: Tiling = Tiling()
    weights: Sequence[Weight] = ()
    determinism: Determinism = Determinism.EXACT
    tolerance: float = 0.0
    """Largest difference on replay, values 0..1."""
    scale_param: str = ""
    """Names the param that says how many times larger the output is, where that can be chosen."""
    conjectural: bool = False
    """It invents content (faces, colour, borrowed texture): results are marked and reviewed."""
    adds_colour: bool = False
    """It gives colour to a picture that has none; rights may forbid it."""
    applies: str | None = None
    estimate: str | None = None
    self_test: str | None = None

    @property
    def synthetic(self) -> bool:
        """Whether a trained model paints pixels, or content is invented: files are marked so."""
        paints = bool(self.weights) and any(port.kind is Kind.IMAGE for port in self.outputs)
        return self.conjectural or paints

    @property
    def handed_on(self) -> frozenset[str]:
        """The outputs that the step reads again at the next member of a sequence."""
        return frozenset(port.previous for port in self.inputs if port.previous)

    def scale(self, params: object) -> int:
        """Return how many pixels come out for one that goes in, along a side, with these params."""
        return int(getattr(params, self.scale_param)) if self.scale_param else self.tiling.scale

    def required_weights(self, params: object) -> tuple[Weight, ...]:
        """Return the weights that the step needs with these params."""
        return tuple(
            weight
            for weight in self.weights
            if all(getattr(params, name) == value for name, value in weight.when.items())
        )

    def pixel_params(self, params: object) -> dict[str, object]:
        """Return the params that may change pixels, with every default filled in."""
        return {
            f.name: getattr(params, f.name)
            for f in dataclasses.fields(self.params)
            if f.metadata.get("affects_pixels", True)
        }
