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
from archivist_faces.params import DetectParams, RefineParams

MTCNN = Weight(
    name="faces-mtcnn",
    package="archivist_faces:weights/mtcnn.safetensors",
    sha256="4892eb573ac0d8e81bec83541746e918e5602a48cc6a3acf6b345da713af5f00",
    size=1_987_712,
    licence="MIT",
    source="facenet-pytorch 2.6.0; see weights/NOTICE.md",
)
IDENTITY = Weight(
    name="faces-identity",
    package="archivist_faces:weights/identity.safetensors",
    sha256="fcaa1d3951cda76055877078cb9f3943a796f66d59b908b53482fe631187dc7e",
    size=658_232,
    licence="Apache-2.0",
    source="EfficientNet-Lite0, with a projection fitted by this project; see weights/NOTICE.md",
)
COMPACT = Weight(
    name="faces-compact",
    package="archivist_faces:weights/compact.safetensors",
    sha256="e08f49f9ac156de3d665c06e2ffc1e9a1478434b3675b7885e542bb807febbfd",
    size=2_492_208,
    licence="Apache-2.0",
    source="trained by this project; see weights/MODEL_CARD.md",
    when={"network": "compact"},
)
PAPER = {
    f"paper_{side}": Weight(
        name=f"faces-paper-{side}",
        importer=f"archivist_faces.checkpoint:import_paper_{side}",
        licence="MIT",
        source="github.com/microsoft/Bringing-Old-Photos-Back-to-Life, release v1.0, "
        "face_checkpoints.zip",
        when={"network": f"paper_{side}"},
    )
    for side in (256, 512)
}

DETECT = StepSpec(
    id="face.detect",
    version=1,
    title="Find faces with their eyes, nose and mouth",
    run="archivist_faces.finding:run",
    params=DetectParams,
    inputs=[Port(name="image", kind=Kind.IMAGE, doc="The photograph.")],
    outputs=[
        Port(name="faces", kind=Kind.FACES, doc="Boxes, five landmarks and scores, best first."),
        Port(name="scores", kind=Kind.SCORES, doc="How many, how sure, how large."),
    ],
    cost=Cost(
        device=Device.EITHER,
        ram_mib=500,
        ram_mib_per_mp=120,
        vram_mib=500,
        vram_mib_per_mp=60,
        seconds=0.5,
        seconds_per_mp=4.0,
    ),
    tiling=Tiling(mode=TilingMode.WHOLE),
    weights=[MTCNN],
    determinism=Determinism.DEVICE,
    estimate="archivist_faces.cost:detect_cost",
    self_test="archivist_faces.self_test:detect",
)

REFINE = StepSpec(
    id="face.refine",
    version=3,
    title="Refine faces, as long as they stay the same person's",
    run="archivist_faces.refining:run",
    params=RefineParams,
    inputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph."),
        Port(name="faces", kind=Kind.FACES, doc="Its faces, with five landmarks each."),
    ],
    outputs=[
        Port(name="image", kind=Kind.IMAGE, doc="The photograph, with some faces refined."),
        Port(name="change", kind=Kind.PROBABILITY, doc="By how much each pixel changed, 0..1."),
        Port(name="refined", kind=Kind.FACES, doc="Those faces that were refined."),
        Port(name="scores", kind=Kind.SCORES, doc="How many faces became what, and how far."),
    ],
    cost=Cost(
        device=Device.EITHER,
        ram_mib=900,
        ram_mib_per_mp=80,
        vram_mib=1200,
        vram_mib_per_mp=0,
        seconds=3.0,
        seconds_per_mp=0.5,
    ),
    tiling=Tiling(mode=TilingMode.WHOLE),
    weights=[COMPACT, *PAPER.values(), IDENTITY],
    determinism=Determinism.DEVICE,
    conjectural=True,
    applies="archivist_faces.refining:applies",
    estimate="archivist_faces.cost:refine_cost",
    self_test="archivist_faces.self_test:refine",
)


@hookimpl
def archivist_steps() -> Iterable[StepSpec]:
    """Offer detection and refinement."""
    return (DETECT, REFINE)
