"""Whether the steps of a recipe fit together, in the order in which they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archivist.api.errors import ConfigError
from archivist.api.steps import Kind, Port, StepSpec
from archivist.config import unknown
from archivist.plan.lookalikes import embeds_the_scan, takes_lookalikes

IMAGE = "image"


def check_ports(
    specs: Sequence[StepSpec], supplied: Mapping[str, str], where: str = "", key: str = ""
) -> None:
    """Check that each required input is made by an earlier step, or is the scan itself.

    An optional input that only a later step makes is refused too, when no other step reads it
    there: then the order is wrong. Raises :class:`ConfigError` that names step, port and cure.
    """
    wanted = {port.name: port.kind for spec in specs for port in spec.inputs}
    for name in supplied:
        if name not in wanted:
            raise ConfigError(unknown(name, wanted), where=where, key=f"{key}.inputs")
    row = _Row(specs, {name: wanted[name] for name in supplied})
    for number, spec in enumerate(specs):
        for problem in row.problems(number, spec):
            raise ConfigError(problem, where=where, key=f"{key}.steps[{number}]")
        row.done(spec)


@dataclass(slots=True)
class _Row:
    """The steps of a recipe, and the values that are there before the step that is looked at."""

    specs: Sequence[StepSpec]
    made: dict[str, Kind]
    makers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.made[IMAGE] = Kind.IMAGE

    def done(self, spec: StepSpec) -> None:
        """Add the outputs of a step."""
        self.made.update({port.name: port.kind for port in spec.outputs})
        self.makers.update({port.name: spec.id for port in spec.outputs})

    def problems(self, number: int, spec: StepSpec) -> Iterator[str]:
        """Yield what keeps a step from standing here."""
        if asked := takes_lookalikes(spec):
            if not (number and embeds_the_scan(self.specs[0])):
                yield (
                    f"{spec.id} finds similar pictures by their embeddings; begin the recipe with "
                    'a step that makes one of the scan alone: { use = "embedding.compute" }'
                )
            self.made |= dict.fromkeys(asked, Kind.REFERENCES)
        for port in spec.inputs:
            if not port.previous:
                yield from self._unfit(number, spec, port)

    def _unfit(self, number: int, spec: StepSpec, port: Port) -> Iterator[str]:
        kind = self.made.get(port.name)
        later = self._later(number, port)
        if kind is not None and kind is not port.kind:
            maker = self.makers.get(port.name, "the scan itself")
            yield (
                f"{spec.id} needs {port.name!r} as {port.kind}, {maker} makes it as {kind}; leave "
                "one of the two out, or put a step that makes it as needed between them"
            )
        elif kind is None and later is not None and (port.required or self._idle(later, port)):
            yield (
                f"{spec.id} takes {port.name!r} from {later.id}, which comes after it; put "
                f"{later.id} before {spec.id}"
            )
        elif kind is None and port.required:
            yield (
                f"{spec.id} needs {port.name!r} ({port.kind}), which no earlier step makes; "
                f"put a step that makes it before {spec.id}"
            )

    def _later(self, number: int, port: Port) -> StepSpec | None:
        """Return the first step from ``number`` on that makes what a port needs."""
        makes = (s for s in self.specs[number + 1 :] if _has(s.outputs, port))
        return next(makes, None)

    def _idle(self, maker: StepSpec, port: Port) -> bool:
        """Tell whether no step after ``maker`` reads what it makes."""
        after = self.specs[self.specs.index(maker) + 1 :]
        return not any(_has(spec.inputs, port) for spec in after)


def _has(ports: Sequence[Port], port: Port) -> bool:
    return any(one.name == port.name and one.kind is port.kind for one in ports)
