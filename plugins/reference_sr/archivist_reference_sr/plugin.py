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
    Tiling,
    TilingMode,
    Weight,
    hookimpl,
)
from archivist_reference_sr.params import UpscaleParams

COMPACT = Weight(
    name="ttsr-compact",
    package="archivist_reference_sr:weights/compact.safetensors",
    sha256="965a777ec253ec65ec67752e09dd0318c507a50a5b8ee7719b2f5d0c6e829568",
    size=1_723_056,
    licence="Apache-2.0",
    source="SPAN by its authors, joined by this project; see weights/MODEL_CARD.md",
    when={"network": "compact"},
)
PAPER = Weight(
    name="ttsr-paper",
    importer="archivist_reference_sr.checkpoint:import_paper",
    licence="MIT",
    source="github.com/researchmm/TTSR: TTSR-rec.pt or TTSR.pt",
    when={"network": "paper"},
)

UPSCALE = StepSpec(
    id="ttsr.upscale",
    version=3,
    title="Enlarge, with texture borrowed from similar pictures of the archive",
    run="archivist_reference_sr.upscale:run",
    params=UpscaleParams,
    inputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph."),
        Port(
            name="references",
            kind=Kind.REFERENCES,
            required=False,
            doc="Pictures of the same things. Without any, nothing is borrowed.",
        ),
    ],
    outputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph, larger."),
        Port(
            name="transfer_map",
            kind=Kind.TRANSFER_MAP,
            doc="Which reference each block of the result borrowed from, where, and how similar.",
        ),
    ],
    cost=Cost(
        device=Device.EITHER,
        ram_mib=900,
        ram_mib_per_mp=1400,
        vram_mib=1500,
        vram_mib_per_mp=1600,
        seconds=20.0,
        seconds_per_mp=50.0,
    ),
    tiling=Tiling(mode=TilingMode.INTERNAL, size=256, overlap=40, scale=4),
    scale_param="scale",
    weights=[COMPACT, PAPER],
    determinism=Determinism.DEVICE,
    conjectural=True,
    estimate="archivist_reference_sr.cost:upscale_cost",
    self_test="archivist_reference_sr.self_test:upscale",
)


@hookimpl
def archivist_steps() -> Iterable[StepSpec]:
    """Offer enlarging."""
    return (UPSCALE,)
