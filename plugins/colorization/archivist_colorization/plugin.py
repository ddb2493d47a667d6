"""What this plugin offers; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from archivist.api import (
    Cost,
    Determinism,
    Device,
    Kind,
    Port,
    StepSpec,
    Weight,
    hookimpl,
)
from archivist_colorization.params import ColorizeParams

COMPACT = Weight(
    name="color-compact",
    package="archivist_colorization:weights/compact.safetensors",
    sha256="343f15826cbe0fba0bedf3def7381d7d08dc764839f4a57cc4171e6aa8d38499",
    size=5_514_412,
    licence="Apache-2.0",
    source="trained by this project; see weights/MODEL_CARD.md",
    when={"network": "compact"},
)
PAPER = Weight(
    name="color-paper",
    importer="archivist_colorization.checkpoint:import_paper",
    licence="MIT; the features (VGG19 of Caffe) are under CC BY 4.0",
    source="github.com/zhangmozhe/Deep-Exemplar-based-Video-Colorization, release v1.0: "
    "colorization_checkpoint.zip",
    when={"network": "paper"},
)

COLORIZE = StepSpec(
    id="color.colorize",
    version=3,
    title="Colour a grey or toned photograph, by conjecture",
    run="archivist_colorization.colorize:run",
    params=ColorizeParams,
    inputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph."),
        Port(
            name="exemplars",
            kind=Kind.REFERENCES,
            required=False,
            doc="Colour photographs of like things. Without any, colour is automatic.",
        ),
        Port(
            name="before",
            kind=Kind.IMAGE,
            required=False,
            previous="image",
            doc="In a sequence, what this step made of the frame before.",
        ),
    ],
    outputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph in colour, lightness unchanged."),
        Port(
            name="confidence",
            kind=Kind.PROBABILITY,
            doc="The chance that a place's colour is near the true one.",
        ),
        Port(
            name="exemplar_map",
            kind=Kind.TRANSFER_MAP,
            doc="Which exemplar gave the colour of each block, from where, how similar it is "
            "there; -1 where colour is automatic or the place is neutral.",
        ),
        Port(
            name="scores",
            kind=Kind.SCORES,
            doc="Mean confidence and chroma; shares by exemplars, automatic, neutral.",
        ),
    ],
    cost=Cost(
        device=Device.EITHER,
        ram_mib=500,
        ram_mib_per_mp=90,
        vram_mib=600,
        vram_mib_per_mp=0,
        seconds=1.0,
        seconds_per_mp=0.8,
    ),
    weights=[COMPACT, PAPER],
    determinism=Determinism.DEVICE,
    conjectural=True,
    adds_colour=True,
    applies="archivist_colorization.colorize:applies",
    estimate="archivist_colorization.cost:colorize_cost",
    self_test="archivist_colorization.self_test:colorize",
)


@hookimpl
def archivist_steps() -> Iterable[StepSpec]:
    """Offer colour."""
    return (COLORIZE,)
