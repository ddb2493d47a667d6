"""Networks and weights for tests that need any."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from archivist_triplet.compact import Residual, Steered, Triplet


@pytest.fixture
def lively() -> Callable[[], Triplet]:
    """Return a maker of small random networks in which distant pixels make a difference."""

    def make(seed: int = 3) -> Triplet:
        torch.manual_seed(seed)
        network = Triplet(latent=16, widths=(16, 24, 24)).eval()
        with torch.no_grad():
            network.mapping.leave.weight.normal_(0, 0.1)
            for amounts in (network.mapping.tone.everywhere, network.mapping.tone.here):
                amounts.weight.normal_(0, 0.1)
            for member in network.guess.members:
                member[-1].weight.normal_(0, 0.05)
            for block in network.modules():
                if isinstance(block, Residual | Steered):
                    block.second.weight *= 5
        return network

    return make
