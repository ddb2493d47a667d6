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
from archivist_triplet.params import RestoreParams

COMPACT = Weight(
    name="triplet-compact",
    package="archivist_triplet:weights/compact.safetensors",
    sha256="89351099467005a49f5605941bf2f78c1deddfcc17f073d25702a166d26bbdbd",
    size=8_842_940,
    licence="Apache-2.0",
    source="trained by this project; see weights/MODEL_CARD.md",
    when={"network": "compact"},
)
PAPER = {
    f"paper_{mode}": Weight(
        name=f"triplet-paper-{mode}",
        importer=f"archivist_triplet.checkpoint:import_paper_{mode}",
        licence="MIT",
        source="github.com/microsoft/Bringing-Old-Photos-Back-to-Life, release v1.0, "
        "global_checkpoints.zip: restoration",
        when={"network": f"paper_{mode}"},
    )
    for mode in ("quality", "scratch", "hr")
}

RESTORE = StepSpec(
    id="triplet.restore",
    version=4,
    title="Restore an old photograph: fading, stains, noise, damage",
    run="archivist_triplet.restore:run",
    params=RestoreParams,
    inputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph."),
        Port(
            name="mask",
            kind=Kind.MASK,
            required=False,
            doc="Damaged pixels, of the photograph's size: filled from sound ones.",
        ),
    ],
    outputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph, restored."),
        Port(name="change", kind=Kind.PROBABILITY, doc="By how much each pixel changed, 0..1."),
        Port(name="scores", kind=Kind.SCORES, doc="Damaged share, mean change, changed share."),
    ],
    cost=Cost(
        device=Device.EITHER,
        ram_mib=1600,
        ram_mib_per_mp=160,
        vram_mib=1800,
        vram_mib_per_mp=60,
        seconds=0.5,
        seconds_per_mp=6.0,
    ),
    tiling=Tiling(mode=TilingMode.INTERNAL, size=1536, overlap=352, multiple_of=16),
    weights=[COMPACT, *PAPER.values()],
    determinism=Determinism.DEVICE,
    applies="archivist_triplet.restore:applies",
    estimate="archivist_triplet.cost:restore_cost",
    self_test="archivist_triplet.self_test:restore",
)


@hookimpl
def archivist_steps() -> Iterable[StepSpec]:
    """Offer restoration."""
    return (RESTORE,)
