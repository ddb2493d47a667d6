"""Checks of a step's description, so that a mistake is named when the plugin is loaded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from archivist.api.extensions import CodecSpec, ExporterSpec
from archivist.api.steps import (
    Cost,
    Determinism,
    Device,
    Kind,
    Port,
    StepSpec,
    Tiling,
    TilingMode,
    Weight,
)
from archivist.hashing import SHA256_HEX
from archivist.plugins.params import params_problems

ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
"""A step id: at least two words of lower-case letters, digits and underscores, joined by dots."""
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
"""A reference to code: ``package.module:name``."""
PACKAGE_FILE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[^/\s][^\s]*")
"""A reference to a file in a package: ``package:folder/file``."""
WEIGHT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""The name of a weight, which is also its file name when it is imported."""
OWN_FORMATS = frozenset({"jpeg", "png", "tiff", "same"})
"""Words that a format or a profile's format has already."""
SUFFIX = re.compile(r"\.[a-z0-9][a-z0-9_+-]*")
MEDIA_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9][A-Za-z0-9.+-]*")
PLACES = ("exif", "xmp", "iptc", "dpi")
"""What a codec's format may have a place for."""
_HEX = re.compile(rf"[0-9a-f]{{{SHA256_HEX}}}")


def spec_problems(spec: object) -> tuple[str, ...]:
    """Return what is wrong with a step's description, in words; empty when it is fine."""
    if not isinstance(spec, StepSpec):
        return (f"{spec!r} is not an archivist.api.StepSpec",)
    foreign = [
        f"{item!r} is not a {kind.__name__}"
        for items, kind in ((spec.inputs, Port), (spec.outputs, Port), (spec.weights, Weight))
        for item in items
        if not isinstance(item, kind)
    ]
    if foreign:
        return tuple(foreign)
    return (
        *_identity(spec),
        *_code(spec),
        *_ports("input", spec.inputs),
        *_ports("output", spec.outputs),
        *_previous(spec),
        *params_problems(spec.params),
        *_cost(spec.cost),
        *_tiling(spec.tiling),
        *_scale(spec),
        *_determinism(spec),
        *(problem for weight in spec.weights for problem in _weight(weight, spec)),
    )


def codec_problems(spec: object) -> tuple[str, ...]:
    """Return what is wrong with a codec's description, in words; empty when it is fine."""
    problem = extension_problem(spec, CodecSpec)
    if problem is not None or not isinstance(spec, CodecSpec):
        return (str(problem),)
    return tuple(_named(spec))


def _named(spec: CodecSpec) -> Iterator[str]:
    """Yield what would keep files of a codec from being found, or from being told of."""
    if not spec.title.strip():
        yield "title is empty"
    for suffix in spec.suffixes:
        if not SUFFIX.fullmatch(suffix):
            yield f"suffix {suffix!r} is not of the form '.abc', in lower case"
    if not spec.suffixes and not spec.signature:
        yield "it has neither suffixes nor a signature, so that no file would be given to it"
    if spec.media_type and not MEDIA_TYPE.fullmatch(spec.media_type):
        yield f"media_type {spec.media_type!r} is not of the form 'image/name'"


def extension_problem(offer: object, kind: type) -> str | None:
    """Return what is wrong with a codec, check or exporter of a plugin, None when it is fine."""
    if not isinstance(offer, kind):
        return f"is not a {kind.__name__}"
    if kind is CodecSpec and offer.id in OWN_FORMATS:  # type: ignore[attr-defined]
        return "its id is the name of a format that archivist reads itself"
    for name in ("run", "read", "write", "probe", "metadata", "ready", "update"):
        text = getattr(offer, name, None)
        if text is not None and not is_dotted(text):
            return f"{name} {text!r} is not of the form 'package.module:function'"
    if isinstance(offer, CodecSpec):
        return _places_problem(offer)
    if isinstance(offer, ExporterSpec):
        if offer.update is not None and not offer.folder:
            return "it has an update and makes no folder, whose files could be updated"
        return next(iter(params_problems(offer.params)), None)
    return None


def _places_problem(codec: CodecSpec) -> str | None:
    unknown = sorted(set(codec.places) - set(PLACES))
    if unknown:
        return f"places names {unknown[0]!r}, which is not one of {', '.join(PLACES)}"
    if codec.places and (codec.write is None or codec.metadata is None):
        return "it has places without both write and metadata, which fill and read them"
    return None


def is_dotted(text: object) -> bool:
    """Return True for a reference to code as ``package.module:name``."""
    return isinstance(text, str) and DOTTED.fullmatch(text) is not None


def _identity(spec: StepSpec) -> Iterator[str]:
    if not (isinstance(spec.id, str) and ID.fullmatch(spec.id)):
        yield f"id {spec.id!r} is not of the form 'plugin.verb' in lower case"
    if not isinstance(spec.version, int) or isinstance(spec.version, bool) or spec.version < 1:
        yield f"version {spec.version!r} is not a whole number of at least 1"
    if not (isinstance(spec.title, str) and spec.title.strip()):
        yield "title is empty"


def _code(spec: StepSpec) -> Iterator[str]:
    for name in ("run", "applies", "estimate", "self_test"):
        text = getattr(spec, name)
        if (text is not None or name == "run") and not is_dotted(text):
            yield f"{name} {text!r} is not of the form 'package.module:function'"


def _ports(side: str, ports: Sequence[Port]) -> Iterator[str]:
    if not ports:
        yield f"it declares no {side}"
    names = set()
    for port in ports:
        if not port.name.isidentifier():
            yield f"{side} {port.name!r} is not a plain name"
        if port.name in names:
            yield f"{side} {port.name!r} is declared twice"
        if port.kind not in tuple(Kind):
            yield f"{side} {port.name!r} has an unknown kind {port.kind!r}"
        names.add(port.name)


def _previous(spec: StepSpec) -> Iterator[str]:
    outputs = {port.name: port.kind for port in spec.outputs}
    for port in spec.inputs:
        if not port.previous:
            continue
        if outputs.get(port.previous) != port.kind:
            yield f"input {port.name!r} asks for a previous output that the step does not declare"
        if port.required:
            yield f"input {port.name!r} is previous and required, but the first item has none"


def _cost(cost: Cost) -> Iterator[str]:
    if cost.device not in tuple(Device):
        yield f"cost.device {cost.device!r} is not one of {', '.join(Device)}"
    for field in dataclasses.fields(cost):
        value = getattr(cost, field.name)
        if field.name != "device" and not 0 <= value < float("inf"):
            yield f"cost.{field.name} {value!r} is negative or not finite"


def _tiling(tiling: Tiling) -> Iterator[str]:
    if tiling.mode not in tuple(TilingMode):
        yield f"tiling.mode {tiling.mode!r} is not one of {', '.join(TilingMode)}"
    if min(tiling.size, tiling.multiple_of, tiling.scale) < 1 or tiling.overlap < 0:
        yield "tiling: size, multiple_of and scale are at least 1, overlap at least 0"
    elif tiling.size <= 2 * tiling.overlap:
        yield f"tiling.size {tiling.size} leaves nothing between two overlaps of {tiling.overlap}"


def _scale(spec: StepSpec) -> Iterator[str]:
    if not spec.scale_param or not dataclasses.is_dataclass(spec.params):
        return
    fields = {field.name: field for field in dataclasses.fields(spec.params)}
    if spec.scale_param not in fields:
        yield f"scale_param names {spec.scale_param!r}, which is no param"
        return
    field = fields[spec.scale_param]
    allowed = (field.default, *field.metadata.get("choices", ()))
    low = field.metadata.get("low")
    bounded = len(allowed) > 1 or (low is not None and low >= 1)
    if not bounded or not all(type(value) is int and value >= 1 for value in allowed):
        yield f"scale_param: {spec.scale_param!r} may be something else than 1, 2, 3 and so on"


def _determinism(spec: StepSpec) -> Iterator[str]:
    if spec.determinism not in tuple(Determinism):
        yield f"determinism {spec.determinism!r} is not one of {', '.join(Determinism)}"
    if not 0 <= spec.tolerance <= 1:
        yield f"tolerance {spec.tolerance!r} is not within 0..1"
    if (spec.determinism == Determinism.TOLERANCE) != (spec.tolerance > 0):
        yield "a tolerance above 0 belongs to determinism 'tolerance', and to no other"


def _weight(weight: Weight, spec: StepSpec) -> Iterator[str]:
    if not WEIGHT_NAME.fullmatch(weight.name):
        yield f"weight {weight.name!r}: names are lower-case letters, digits, '.', '_' and '-'"
    if not weight.licence or not weight.source:
        yield f"weight {weight.name!r} has no licence or no source"
    if weight.package is None and weight.importer is None:
        yield f"weight {weight.name!r} is neither shipped (package) nor imported (importer)"
    if weight.package is not None and not PACKAGE_FILE.fullmatch(weight.package):
        yield f"weight {weight.name!r}: package {weight.package!r} is not 'package:path'"
    if weight.package is not None and weight.sha256 is None:
        yield f"weight {weight.name!r} is shipped but has no sha256"
    if weight.sha256 is not None and not _HEX.fullmatch(weight.sha256):
        yield f"weight {weight.name!r}: sha256 is not {SHA256_HEX} lower-case hex digits"
    if weight.importer is not None and not is_dotted(weight.importer):
        yield f"weight {weight.name!r}: importer {weight.importer!r} is not 'module:function'"
    if dataclasses.is_dataclass(spec.params):
        known = {field.name for field in dataclasses.fields(spec.params)}
        for name in weight.when:
            if name not in known:
                yield f"weight {weight.name!r} depends on an unknown param {name!r}"
