"""The paper's networks have the names, shapes and sizes of the released checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from torch import nn

from archivist_triplet.paper.mapping import MappingHr, MappingQuality, MappingScratch
from archivist_triplet.paper.vae import Vae

Rows = Iterator[tuple[str, tuple[int, ...]]]


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def convolution(name: str, before: int, after: int, side: int = 3) -> Rows:
    yield f"{name}.weight", (after, before, side, side)
    yield f"{name}.bias", (after,)


def residual(names: Sequence[str], width: int) -> Rows:
    for name in names:
        yield from convolution(f"{name}.conv_block.1", width, width)
        yield from convolution(f"{name}.conv_block.5", width, width)


def numbered(stem: str, first: int, count: int) -> list[str]:
    return [f"{stem}.{first + i}" for i in range(count)]


def ends(before: str, after: str, last: int) -> Rows:
    """The widening and narrowing convolutions, three indices apart."""
    for step, (a, b) in enumerate(((64, 128), (128, 256), (256, 512), (512, 512))):
        yield from convolution(f"{before}.{3 * step}", a, b)
    for step, (a, b) in enumerate(((512, 512), (512, 256), (256, 128), (128, 64))):
        yield from convolution(f"{after}.{last + 3 * step}", a, b)


def vae() -> Rows:
    yield from convolution("encoder.1", 3, 64, 7)
    for name in ("encoder.4", "encoder.7", "decoder.4", "decoder.7"):
        yield from convolution(name, 64, 64, 4)
    yield from residual(numbered("encoder", 10, 4) + numbered("decoder", 0, 4), 64)
    yield from convolution("decoder.11", 64, 3, 7)


def quality() -> Rows:
    yield from ends("model", "model", 18)
    yield from residual(numbered("model", 12, 6), 512)


def scratch() -> Rows:
    yield from ends("before_NL", "after_NL", 6)
    for leaf in ("g", "W", "theta", "phi"):
        yield from convolution(f"NL.{leaf}", 512, 512, 1)
    yield from residual(numbered("NL.res_block", 0, 3) + numbered("after_NL", 0, 6), 512)


def hr() -> Rows:
    yield from ends("before_NL", "after_NL", 2)
    blocks = numbered("before_NL", 12, 2) + numbered("after_NL", 0, 2)
    for scale in (1, 2, 3):
        yield from convolution(f"NL_scale_{scale}.F_Combine", 1025, 512)
        blocks.append(f"NL_scale_{scale}.res_block.0")
    yield from residual(blocks + numbered("res_block_1", 0, 2) + numbered("res_block_2", 0, 2), 512)


@pytest.mark.parametrize(
    ("make", "layout", "count"),
    [
        (Vae, vae, 872_131),
        (MappingQuality, quality, 36_135_232),
        (MappingScratch, scratch, 51_344_704),
        (MappingHr, hr, 73_904_448),
    ],
)
def test_a_network_has_the_released_layout(
    make: Callable[[], nn.Module], layout: Callable[[], Rows], count: int
) -> None:
    with torch.device("meta"):
        network = make()

    assert {n: tuple(v.shape) for n, v in network.state_dict().items()} == dict(layout())
    assert sum(p.numel() for p in network.parameters()) == count


def test_the_encoder_gives_a_quarter_of_each_side() -> None:
    assert Vae(2).encoder(torch.zeros(1, 3, 16, 24)).shape == (1, 2, 4, 6)


def test_the_decoder_gives_pixels_between_minus_one_and_one() -> None:
    torch.manual_seed(1)
    pixels = Vae(2).decoder(100 * torch.randn(1, 2, 4, 6))

    assert pixels.shape == (1, 3, 16, 24)
    assert pixels.abs().max() <= 1


@pytest.mark.parametrize("make", [MappingQuality, MappingScratch, MappingHr])
def test_a_mapping_keeps_the_shape_of_the_latent(make: Callable[[int], nn.Module]) -> None:
    damage = torch.zeros(1, 1, 40, 28)
    damage[:, :, :16, :16] = 1

    assert make(2)(torch.randn(1, 2, 10, 7), damage).shape == (1, 2, 10, 7)
