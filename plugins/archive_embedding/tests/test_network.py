"""The network is the first half of the released one; the whitening is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from archivist_embedding.convert import fit, views
from archivist_embedding.network import CHANNELS, DEPTH, DIMENSIONS, Describer
from archivist_embedding.regions import Pixels
from archivist_torch.efficientnet import load_efficientnet
from archivist_torch.seeding import generator


def test_vectors_have_unit_length(shipped: Describer) -> None:
    vectors = shipped(torch.rand(3, 3, 64, 80) * 2 - 1)

    assert vectors.shape == (3, DIMENSIONS)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(3), atol=1e-5)


def test_the_shipped_layers_are_those_of_the_released_network(shipped: Describer) -> None:
    pictures = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1

    released = Describer(load_efficientnet())

    with torch.no_grad():
        cosine = functional.cosine_similarity(shipped.pool(pictures), released.pool(pictures))
    assert cosine.item() > 0.99999  # float16


def test_the_network_stops_where_the_released_one_goes_to_stride_32(shipped: Describer) -> None:
    assert len(shipped.blocks) == DEPTH
    assert shipped.widen.weight.shape[0] == CHANNELS


def test_whitened_vectors_have_no_common_mean_and_no_correlation() -> None:
    draw = torch.Generator().manual_seed(2)
    mixing = torch.randn(CHANNELS, CHANNELS, generator=draw) / CHANNELS
    pooled = torch.randn(3000, CHANNELS, generator=draw) @ mixing + 0.3
    with torch.device("meta"):
        network = Describer()
    network.to_empty(device="cpu").set_whitening(pooled)

    whitened = network.whiten(pooled)

    assert whitened.mean(0).abs().max() < 0.01
    covariance = torch.cov(whitened.T)
    variances = covariance.diagonal()
    assert (covariance - variances.diag()).abs().max() < 1e-3
    assert 0 < variances.min() < variances.max() < 1  # the mean variance is added to each
    assert variances[0] > variances[-1]


def test_a_photograph_is_seen_whole_and_in_worse_parts(scenes: list[Pixels]) -> None:
    whole, *parts = views(scenes[0], generator("test", 1))

    assert whole is scenes[0]
    assert len(parts) == 4
    for part in parts:
        assert part.size < whole.size
        assert part.dtype == np.float32
        assert 0 <= part.min() < part.max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (3, 400)])
def test_parts_of_tiny_pictures_have_pixels(shape: tuple[int, int]) -> None:
    parts = list(views(np.full(shape, 0.5, np.float32), generator("test", 2)))

    assert all(part.size > 0 for part in parts)


def test_fitting_twice_gives_the_same_whitening(unfitted: Describer, scenes: list[Pixels]) -> None:
    weights = []
    for _ in range(2):
        fit(unfitted, scenes[:2])
        weights.append(unfitted.whiten.weight.clone())

    assert torch.equal(*weights)
