"""What the plugin offers. It is read to list the steps, so it imports nothing heavy."""

from collections.abc import Iterable
from dataclasses import dataclass

from archivist.api import Cost, Kind, Port, StepSpec, hookimpl, param


@dataclass(frozen=True, slots=True)
class StretchParams:
    """The params of ``example.stretch``."""

    clip: float = param(
        0.5, doc="Percent of the samples at each end that may be clipped.", low=0, high=10
    )
    strength: float = param(
        1.0, doc="How far towards the full range, 0 is not at all.", low=0, high=1
    )
    faded_below: float = param(
        0.8, doc="A photograph that spans at least this share is left alone.", low=0, high=1
    )


STRETCH = StepSpec(
    id="example.stretch",
    version=1,
    title="Give a faded photograph its contrast back",
    run="archivist_example_contrast.stretch:run",
    applies="archivist_example_contrast.stretch:applies",
    params=StretchParams,
    inputs=[Port(name="image", kind=Kind.IMAGE, doc="The photograph.")],
    outputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph with more contrast."),
        Port(name="range", kind=Kind.SCORES, doc="The darkest and lightest value it had."),
    ],
    cost=Cost(ram_mib_per_mp=60, seconds_per_mp=0.05),
)


@hookimpl
def archivist_steps() -> Iterable[StepSpec]:
    """Offer the one step of this plugin."""
    return [STRETCH]
