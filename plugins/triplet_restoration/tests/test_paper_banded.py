"""Bands give what whole maps give, without changing what shall be kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from archivist_triplet.paper.banded import Banded, Moments
from archivist_triplet.paper.blocks import conv_norm_relu, residual_blocks
from archivist_triplet.paper.layers import layers_of
from archivist_triplet.paper.restore import MODES, Mode, PaperTriplet
from archivist_triplet.paper.vae import decoder, encoder


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(8), dtype=torch.float64)


def in_bands(chain: nn.Sequential, x: Tensor, values: int) -> Tensor:
    return Banded(values).chain(chain.double(), x.clone())


@pytest.mark.parametrize("values", [1, 400, 3000])
@pytest.mark.parametrize("height", [16, 37])
@pytest.mark.parametrize("make", [encoder, lambda w, b: decoder(w, b)[:-1]])
def test_a_chain_in_bands_gives_what_the_plain_one_gives(make, height: int, values: int) -> None:
    torch.manual_seed(9)
    chain = make(8, 2)
    x = random(1, 3 if make is encoder else 8, height, 20)

    found = in_bands(chain, x, values)

    assert torch.allclose(found, chain(x), atol=1e-9)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_convolution_in_the_memory_of_its_input_sees_the_input(rows: int) -> None:
    chain = nn.Sequential(*conv_norm_relu(nn.Conv2d(4, 4, 3, padding=1)))
    x = random(1, 4, 13, 6)

    found = in_bands(chain, x, rows * 2 * 4 * 6)

    assert torch.allclose(found, chain(x), atol=1e-9)


def test_a_kept_input_is_not_overwritten() -> None:
    chain = nn.Sequential(*residual_blocks(3, 2)).double()
    x = random(1, 3, 9, 7)
    before = x.clone()

    found = Banded(50).chain(chain, x, keep=True)

    assert torch.equal(x, before)
    assert torch.allclose(found, chain(x), atol=1e-9)


def test_joined_parts_are_convolved_together() -> None:
    torch.manual_seed(1)
    conv = nn.Conv2d(9, 4, 3, padding=1).double()
    parts = (random(1, 4, 11, 6), 2 + random(1, 4, 11, 6), random(1, 1, 11, 6))
    expected = conv(torch.cat(parts, 1))

    found = Banded(200).join(conv, [part.clone() for part in parts])

    assert torch.allclose(found, expected, atol=1e-9)


def test_moments_of_bands_are_those_of_the_map_even_far_from_zero() -> None:
    x = (1e4 + random(1, 2, 12, 5)).float()
    moments = Moments()
    for start, end in ((0, 1), (1, 7), (7, 12)):
        moments.add(x[:, :, start:end])

    assert torch.allclose(moments.mean.flatten(), x.double().mean((0, 2, 3)), rtol=1e-6)
    variance = (moments.squares / moments.count).flatten()
    assert torch.allclose(variance, x.double().var((0, 2, 3), correction=0), rtol=1e-3)


def test_a_module_that_the_networks_do_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="BatchNorm2d"):
        layers_of(nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1)))


@pytest.mark.parametrize("height", [67, 96])
@pytest.mark.parametrize("mode", MODES)
def test_a_picture_restored_in_bands_is_that_restored_at_once(mode: Mode, height: int) -> None:
    torch.manual_seed(10)
    network = PaperTriplet(mode, width=4).double()
    pixels = random(1, 3, height, 45).clamp(-1, 1)
    damage = None if mode == "quality" else torch.zeros(1, 1, height, 45)
    if damage is not None:
        damage[:, :, 5:40, 3:30] = 1

    whole = network.restore(pixels, damage)
    banded = network.restore(pixels, damage, whole_pixels=0, band_values=2000)

    assert torch.allclose(banded, whole, atol=1e-5)


def test_bands_lose_no_more_to_rounding_than_whole_maps() -> None:
    """Untrained networks amplify the rounding of float32, so exact values are the judge."""
    torch.manual_seed(11)
    network, pixels = PaperTriplet("quality", width=4), random(1, 3, 130, 64).clamp(-1, 1)

    whole = network.restore(pixels.float())
    banded = network.restore(pixels.float(), whole_pixels=0, band_values=4000)
    exact = network.double().restore(pixels)

    assert (banded - exact).abs().mean() < 2 * (whole - exact).abs().mean()
