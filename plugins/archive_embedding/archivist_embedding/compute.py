"""The step ``embedding.compute``: describe a photograph and regions of it by vectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from archivist.api import Embedding, Image, StepContext, Value
from archivist_embedding.network import Describer
from archivist_embedding.params import EmbeddingParams
from archivist_embedding.plugin import MODEL, WEIGHT
from archivist_embedding.regions import Pixels, cut, prepare, regions_of, working_copy
from archivist_torch.weights import load_network


def run(
    inputs: Mapping[str, Value], params: EmbeddingParams, ctx: StepContext
) -> Mapping[str, Value]:
    """Return the ``embedding`` of an image of any size, grey or colour."""
    image = inputs["image"]
    assert isinstance(image, Image)
    regions = regions_of(image.width, image.height, params.finest_grid)
    network = _loaded(ctx)
    grey, across, down = working_copy(image.pixels, regions[-1])
    vectors = []
    for number, region in enumerate(regions):
        ctx.check_cancelled()
        ctx.progress(number / len(regions), f"region {number + 1} of {len(regions)}")
        vectors.append(describe(network, cut(grey, region, across, down), ctx.device))
    return {"embedding": Embedding(vectors=np.stack(vectors), regions=regions, model=MODEL)}


@torch.inference_mode()
def describe(network: Describer, grey: Pixels, device: str = "cpu") -> NDArray[np.float32]:
    """Return the unit vector (DIMENSIONS,) of a grey region (height, width), values 0..1."""
    shown = torch.from_numpy(prepare(grey)).to(device)
    vector: NDArray[np.float32] = network(shown.expand(1, 3, *shown.shape))[0].cpu().numpy()
    return vector


def _loaded(ctx: StepContext) -> Describer:
    """Return the network, loaded once per worker."""

    def make() -> Describer:
        torch.set_num_threads(max(1, ctx.threads))
        network: Describer = load_network(Describer, ctx.weights(WEIGHT.name))
        return network.to(torch.device(ctx.device))

    return ctx.cached(f"archivist_embedding/{WEIGHT.name}/{ctx.device}", make)
