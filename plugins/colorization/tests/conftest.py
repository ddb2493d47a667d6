"""Networks with the paper's layers, but few channels, and pictures to colour."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from archivist_colorization.colour_net import ColourNetwork
from archivist_colorization.correspondence import CorrespondenceNetwork
from archivist_colorization.features import FeatureNetwork
from archivist_colorization.networks import PaperNetworks

NARROW = (4, 6, 6, 6, 6)


@pytest.fixture(scope="session")
def narrow() -> Callable[[], PaperNetworks]:
    """Return a maker of the three networks with few channels."""

    def make() -> PaperNetworks:
        return PaperNetworks(
            FeatureNetwork(NARROW),
            CorrespondenceNetwork(NARROW[1:], narrow=6, joint=8),
            ColourNetwork(4),
        )

    return make


@pytest.fixture(scope="session")
def networks(narrow: Callable[[], PaperNetworks]) -> PaperNetworks:
    """Return narrow networks with fixed random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return narrow().eval()


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """Return a smooth colour picture, 60 x 84 px."""
    y, x = np.mgrid[0:60, 0:84]
    bands = [np.sin(x / 9) + np.cos(y / 7), np.cos(x / 5 - y / 11), np.sin((x + y) / 13)]
    return np.stack([127 + 60 * band for band in bands], axis=-1).clip(0, 255).astype(np.uint8)
