"""Weights for tests that need any."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archivist_scratch.network import Compact
from archivist_torch.weights import save_weights


@pytest.fixture
def random_weights(tmp_path: Path) -> Path:
    """Return a file of weights for the compact network that answer everywhere between 0 and 1."""
    torch.manual_seed(3)
    network = Compact()
    with torch.no_grad():
        network.head[-1].weight.normal_(0, 0.3)
        network.head[-1].bias.zero_()
    path = tmp_path / "random.safetensors"
    save_weights(network.state_dict(), path)
    return path
