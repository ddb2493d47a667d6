"""How much disk a plan will take: the output files, and what the store keeps beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from archivist.api.steps import Kind, StepSpec
from archivist.model import Action, Header, OutputProfile, PageWork, Task
from archivist.plugins import Plugins, make_params

_PER_SAMPLE = {"grey": 1.2, "colour": 0.85}
"""Bytes of a sample in a kept image: 16 bits with deflate, measured on the example archive."""
_PER_ENLARGED_SAMPLE = 1.6
"""The same of what a network enlarged: its samples use all 16 bits."""
_PER_PIXEL = {Kind.MASK: 0.01, Kind.PROBABILITY: 1.2, Kind.TRANSFER_MAP: 0.5}
_WHOLE = {Kind.EMBEDDING: 4_000, Kind.FACES: 500, Kind.SCORES: 200}
"""Bytes of a value whatever the size of the picture."""

Measured = Mapping[tuple[str, str], float]
"""Bytes for each pixel of the picture, by step and output, as kept results of before have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Bytes of output files, and of the store, if every planned step is needed."""

    outputs: int = 0
    store: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """What a step with its params does to the size of a picture."""

    spec: StepSpec
    scale: int


@dataclass(slots=True, kw_only=True)
class Sizes:
    """Estimates pages. ``keep`` are the kinds that the store keeps, ``measured`` what is known."""

    plugins: Plugins
    profiles: Sequence[OutputProfile] = ()
    keep: Collection[str] = ()
    measured: Measured = field(default_factory=dict)
    _effects: dict[tuple[str, int], tuple[Mapping[str, object], _Effect | None]] = field(
        default_factory=dict
    )

    def of(self, page: PageWork) -> Disk:
        """Return what one page takes: its outputs, and the values that steps will add."""
        header = page.asset.header
        area, grey = header.megapixels * 1e6, header.colour == "grey"
        kept = 0.0
        for task in page.tasks:
            effect = None if task.action is Action.DENIED else self._effect(task)
            if effect is None:
                continue
            images = any(port.kind is Kind.IMAGE for port in effect.spec.outputs)
            area *= effect.scale**2 if images else 1
            grey = grey and not effect.spec.adds_colour
            if task.action in (Action.RUN, Action.FOLLOW):
                kept += self._kept(effect, area, grey=grey)
        outputs = output_bytes(header, self.profiles, area=area, grey=grey)
        return Disk(outputs=outputs, store=int(kept))

    def _effect(self, task: Task) -> _Effect | None:
        """Return it by the identity of params, which most assets share; None if not installed."""
        place = task.step, id(task.params)
        known = self._effects.get(place)
        if known is not None and known[0] is task.params:
            return known[1]
        spec = self.plugins.steps.get(task.step)
        effect = None
        if spec is not None:
            effect = _Effect(spec=spec, scale=spec.scale(make_params(spec, task.params)))
        self._effects[place] = task.params, effect
        return effect

    def _kept(self, effect: _Effect, area: float, *, grey: bool) -> float:
        spec, total = effect.spec, 0.0
        for port in spec.outputs:
            if port.kind in self.keep:
                guess = _per_pixel(port.kind, grey=grey, enlarged=effect.scale > 1)
                per_pixel = self.measured.get((spec.id, port.name), guess)
                total += area * per_pixel + _WHOLE.get(port.kind, 0)
        return total


def _per_pixel(kind: Kind, *, grey: bool, enlarged: bool) -> float:
    if kind is Kind.IMAGE and enlarged:
        return _PER_ENLARGED_SAMPLE * (1 if grey else 3)
    if kind is Kind.IMAGE:
        return _PER_SAMPLE["grey"] if grey else 3 * _PER_SAMPLE["colour"]
    return _PER_PIXEL.get(kind, 0.0)


def output_bytes(
    header: Header, profiles: Sequence[OutputProfile], *, area: float, grey: bool
) -> int:
    """Return roughly how many bytes the outputs of one page take, all profiles together.

    ``area`` is in pixels of the result, which steps may have enlarged.
    """
    channels = 1 if grey else 3
    grown = (area / (header.megapixels * 1e6)) ** 0.5
    side = max(header.width, header.height) * grown
    total = 0.0
    for profile in profiles:
        pixels = area
        if profile.max_side:
            pixels *= min(1.0, profile.max_side / side) ** 2
        kind = header.format if profile.format == "same" else profile.format
        depth = header.depth if profile.depth == "same" else int(profile.depth)
        # JPEG at quality 95 takes about 0.4 bytes a sample, of a picture that was enlarged 4 times
        # 0.1, for it has few fine details; deflate takes about 0.6 of the raw size.
        per_sample = 0.4 / max(1.0, grown) if kind == "jpeg" else 0.6 * max(depth, 8) / 8
        total += pixels * channels * per_sample
    return int(total)
