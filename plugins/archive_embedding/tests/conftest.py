"""Pictures and weights for tests that need any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from archivist_embedding.network import DIMENSIONS, Describer
from archivist_embedding.regions import Pixels
from archivist_torch.weights import load_network, load_weights

SHIPPED = Path(__file__).parents[1] / "archivist_embedding/weights/lite0-stride16.safetensors"


@pytest.fixture(scope="session")
def shipped() -> Describer:
    """Return the network with the weights of the distribution."""
    return load_network(Describer, SHIPPED)


@pytest.fixture
def unfitted() -> Describer:
    """Return a network with the shipped layers and no whitening yet."""
    network = Describer()
    load_weights(network, SHIPPED)
    with torch.no_grad():
        network.whiten.weight.copy_(torch.eye(DIMENSIONS, network.whiten.in_features))
        network.whiten.bias.zero_()
    return network.eval()


@pytest.fixture
def scenes() -> list[Pixels]:
    """Return ten grey pictures of soft shapes with edges, each another."""
    y, x = np.mgrid[:120, :160]
    found = []
    for number in range(10):
        rng = np.random.default_rng(number)
        scene = np.full(x.shape, 0.5)
        for _ in range(12):
            at, reach = rng.random(2) * (160, 120), rng.uniform(6, 40)
            inside = np.hypot(x - at[0], (y - at[1]) * rng.uniform(0.5, 2)) < reach
            scene[inside] = rng.random() * (0.7 + 0.3 * y / 120)[inside]
        found.append(scene.astype(np.float32))
    return found
