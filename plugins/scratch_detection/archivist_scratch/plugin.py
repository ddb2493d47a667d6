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
from archivist_scratch.params import DetectParams, RepairParams

COMPACT = Weight(
    name="scratch-compact",
    package="archivist_scratch:weights/compact.safetensors",
    sha256="ebf5dee07fb2126111b3eb218cd8391065cc1b2c1afe9f64717414600887354a",
    size=1_015_364,
    licence="Apache-2.0",
    source="trained by this project on synthetic damage; see weights/MODEL_CARD.md",
    when={"network": "compact"},
)
PAPER = Weight(
    name="scratch-paper",
    importer="archivist_scratch.checkpoint:import_paper",
    licence="MIT",
    source="github.com/microsoft/Bringing-Old-Photos-Back-to-Life, release v1.0, "
    "global_checkpoints.zip: detection/FT_Epoch_latest.pt",
    when={"network": "paper"},
)

DETECT = StepSpec(
    id="scratch.detect",
    version=2,
    title="Find scratches, dust, cracks and stains",
    run="archivist_scratch.detect:run",
    params=DetectParams,
    inputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph."),
        Port(
            name="user_mask",
            kind=Kind.MASK,
            required=False,
            doc="A mask drawn by hand, of the photograph's size: it replaces detection.",
        ),
    ],
    outputs=[
        Port(name="mask", kind=Kind.MASK, doc="Damaged pixels; empty for a clean photograph."),
        Port(name="probability", kind=Kind.PROBABILITY, doc="Of damage of any width."),
        Port(name="scores", kind=Kind.SCORES, doc="Damaged share, regions, evidence, peak."),
    ],
    cost=Cost(
        device=Device.EITHER,
        ram_mib=900,
        ram_mib_per_mp=70,
        vram_mib=600,
        vram_mib_per_mp=180,
        seconds=1.0,
        seconds_per_mp=1.0,
    ),
    tiling=Tiling(mode=TilingMode.INTERNAL, size=1536, overlap=224, multiple_of=16),
    weights=[COMPACT, PAPER],
    determinism=Determinism.DEVICE,
    estimate="archivist_scratch.cost:detect_cost",
    self_test="archivist_scratch.self_test:detect",
)

REPAIR = StepSpec(
    id="scratch.repair",
    version=1,
    title="Fill damaged pixels from their surroundings",
    run="archivist_scratch.repair:run",
    params=RepairParams,
    inputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph."),
        Port(name="mask", kind=Kind.MASK, doc="Damaged pixels, of the photograph's size."),
    ],
    outputs=[Port(name="image", kind=Kind.IMAGE, doc="The photograph; only masked pixels differ.")],
    cost=Cost(device=Device.CPU, ram_mib=64, ram_mib_per_mp=48, seconds=0.05, seconds_per_mp=0.5),
    determinism=Determinism.EXACT,
    applies="archivist_scratch.repair:applies",
    self_test="archivist_scratch.self_test:repair",
)


@hookimpl
def archivist_steps() -> Iterable[StepSpec]:
    """Offer detection and repair."""
    return (DETECT, REPAIR)
