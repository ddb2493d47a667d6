"""The compact network: what it adds, and that windows change nothing."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from archivist_reference_sr.compact.borrow import Borrowed
from archivist_reference_sr.compact.describer import Describer
from archivist_reference_sr.compact.enlarger import Enlarger
from archivist_reference_sr.compact.inference import enlarge
from archivist_reference_sr.compact.joiner import Joiner
from archivist_reference_sr.compact.network import Compact
from archivist_reference_sr.picture import Pixels, enlarged_exactly
from archivist_torch.efficientnet import load_efficientnet
from archivist_torch.weights import load_network

WEIGHTS = "weights/compact.safetensors"


@pytest.fixture
def compact() -> Compact:
    """A shallow network whose joiner adds something."""
    torch.manual_seed(4)
    network = Compact()
    network.enlarger, network.joiner = Enlarger(8, 2), Joiner(8, 1, 8)
    torch.nn.init.normal_(network.joiner.tail.weight, std=0.05)
    return network.eval().requires_grad_(False)


def lent(height: int, width: int) -> Borrowed:
    generator = torch.Generator().manual_seed(2)
    found = Borrowed.nothing(height, width)
    found.detail.copy_(torch.randn(3, 4 * height, 4 * width, generator=generator) / 10)
    found.similarity.copy_(torch.rand(height, width, generator=generator))
    return found


def pixels(height: int, width: int, channels: int = 3) -> Pixels:
    return np.random.default_rng(1).random((height, width, channels), np.float32)


def test_shipped_weights_enlarge_an_edge_sharper_than_bicubic_interpolation() -> None:
    network = load_network(Compact, Path(str(files("archivist_reference_sr") / WEIGHTS)))
    truth = torch.ones(1, 3, 64, 64) / 2
    truth[..., :29] *= -1
    small = functional.interpolate(truth, (16, 16), mode="bicubic", antialias=True)

    made = network(small, torch.zeros_like(truth), torch.zeros(1, 1, 16, 16))

    wrong, smooth = ((x - truth).square().mean() for x in (made, enlarged_exactly(small)))
    assert wrong < 0.5 * smooth


def test_a_picture_upside_down_is_enlarged_alike(compact: Compact) -> None:
    small = torch.rand(1, 3, 16, 12, generator=torch.Generator().manual_seed(1)) - 0.5
    nothing = torch.zeros(1, 3, 64, 48), torch.zeros(1, 1, 16, 12)

    upright, turned = compact(small, *nothing), compact(small.flip(2, 3), *nothing)

    assert torch.allclose(upright, turned.flip(2, 3), atol=1e-5)


def test_blocks_that_borrow_nothing_are_as_without_references(compact: Compact) -> None:
    small = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)) - 0.5
    detail = torch.ones(1, 3, 64, 64) / 5
    similarity = torch.ones(1, 1, 16, 16)
    similarity[..., :8] = 0

    alone = compact(small, torch.zeros_like(detail), torch.zeros_like(similarity))
    joined = compact(small, detail, similarity)

    assert torch.equal(joined[..., :32], alone[..., :32])
    assert not torch.allclose(joined[..., 32:], alone[..., 32:])


def test_windows_give_the_result_of_the_whole(compact: Compact) -> None:
    shown, found = pixels(40, 33), lent(40, 33)

    whole = enlarge(compact, shown, found, tile=64)
    parts = enlarge(compact, shown, found, tile=16)

    assert np.abs(whole - parts).max() < 1e-5


def test_grey_pictures_stay_grey(compact: Compact) -> None:
    assert enlarge(compact, pixels(5, 9, 1), Borrowed.nothing(5, 9)).shape == (20, 36, 1)


def test_a_run_may_be_stopped_between_windows(compact: Compact) -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        enlarge(compact, pixels(8, 8), Borrowed.nothing(8, 8), pause=stop)


def test_the_radius_is_how_far_the_network_sees(compact: Compact) -> None:
    one = torch.zeros(1, 3, 41, 41)
    other = one.clone()
    other[..., 20, 20] = 0.5
    nothing = torch.zeros(1, 3, 164, 164), torch.zeros(1, 1, 41, 41)
    changed = (compact(one, *nothing) != compact(other, *nothing)).any(1)[0].nonzero()

    reach = (changed.float() / 4 - 20).abs().max()

    assert reach <= compact.radius


def test_pictures_are_described_by_all_that_the_first_layers_know() -> None:
    pictures = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(2)) * 2 - 1

    described = Describer.pretrained()(pictures)

    assert torch.allclose(described, load_efficientnet().features(pictures, upto=4)[-1], atol=1e-4)
