"""The loss and the distance rank pictures as an eye would, and are what their formulas say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from archivist_torch.efficientnet import EfficientNetLite0, load_efficientnet
from archivist_torch.perceptual import PerceptualLoss, feature_distance, windows


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return load_efficientnet()


@pytest.fixture
def picture() -> Tensor:
    """Return (2, 3, 64, 80) in -1..1: coarse random shapes with some texture."""
    draw = torch.Generator().manual_seed(5)
    coarse = torch.rand((2, 3, 8, 10), generator=draw) * 1.6 - 0.8
    fine = torch.rand((2, 3, 64, 80), generator=draw) * 0.2 - 0.1
    return torch.nn.functional.interpolate(coarse, (64, 80), mode="bicubic") + fine


def noise(like: Tensor, level: float) -> Tensor:
    return like + level * torch.randn(like.shape, generator=torch.Generator().manual_seed(6))


def test_equal_pictures_lose_nothing(network: EfficientNetLite0, picture: Tensor) -> None:
    assert float(PerceptualLoss(network=network)(picture, picture.clone())) == 0
    assert feature_distance(picture, picture.clone(), network).tolist() == [0, 0]


def test_more_noise_costs_more(network: EfficientNetLite0, picture: Tensor) -> None:
    noisy = [noise(picture, level) for level in (0.02, 0.1, 0.5)]
    loss = PerceptualLoss(network=network)

    losses = [float(loss(x, picture)) for x in noisy]
    distances = [float(feature_distance(x, picture, network).mean()) for x in noisy]
    assert losses == sorted(losses)
    assert distances == sorted(distances)


def test_a_lost_texture_costs_more_than_a_change_of_light_of_the_same_error(
    network: EfficientNetLite0, picture: Tensor
) -> None:
    soft = torch.nn.functional.avg_pool2d(picture, 5, 1, 2, count_include_pad=False)
    lighter = picture + (soft - picture).square().mean().sqrt()

    loss = PerceptualLoss(network=network)
    assert loss(soft, picture) > loss(lighter, picture)


def test_every_layer_is_measured_in_units_of_the_target(
    network: EfficientNetLite0, picture: Tensor
) -> None:
    other = noise(picture, 0.2)
    found, wanted = network.features(other, 4), network.features(picture, 4)
    expected = [
        float((x - y).abs().mean() / y.abs().mean()) for x, y in zip(found, wanted, strict=True)
    ]
    assert float(PerceptualLoss(4, network)(other, picture)) == pytest.approx(np.mean(expected))


def test_the_gradient_flows_into_the_result_alone(
    network: EfficientNetLite0, picture: Tensor
) -> None:
    target, result = picture.clone().requires_grad_(), noise(picture, 0.1).requires_grad_()
    PerceptualLoss(network=network)(result, target).backward()

    assert target.grad is None
    assert result.grad is not None
    assert float(result.grad.abs().sum()) > 0


def test_a_step_against_the_gradient_makes_the_loss_smaller(
    network: EfficientNetLite0, picture: Tensor
) -> None:
    loss, result = PerceptualLoss(network=network), noise(picture, 0.1).requires_grad_()
    before = loss(result, picture)
    (slope,) = torch.autograd.grad(before, result)

    assert loss(result - 0.01 * slope / slope.abs().mean(), picture) < before


def test_the_loss_gives_a_training_nothing_to_learn(network: EfficientNetLite0) -> None:
    loss = PerceptualLoss(network=network)
    assert not any(weight.requires_grad for weight in loss.parameters())


def test_the_distance_follows_its_formula(network: EfficientNetLite0, picture: Tensor) -> None:
    other = noise(picture, 0.2)
    levels = []
    for x, y in zip(network.features(other[:1]), network.features(picture[:1]), strict=True):
        p, q = x[0].double().numpy(), y[0].double().numpy()
        p, q = p / np.linalg.norm(p, axis=0), q / np.linalg.norm(q, axis=0)
        levels.append(((p - q) ** 2).sum(0).mean())

    found = feature_distance(other, picture, network)
    assert float(found[0]) == pytest.approx(np.mean(levels), rel=1e-4)


def test_the_distance_is_symmetric(network: EfficientNetLite0, picture: Tensor) -> None:
    other = noise(picture, 0.2)
    there, back = (
        feature_distance(other, picture, network),
        feature_distance(picture, other, network),
    )
    assert torch.allclose(there, back)


@pytest.mark.parametrize(
    ("sides", "count", "window"),
    [
        ((700, 800), 1, (700, 800)),
        ((900, 1000), 4, (384, 384)),
        ((700, 1000), 2, (512, 384)),
        ((400, 2000), 2, (400, 384)),
    ],
)
def test_large_pictures_are_compared_by_windows(
    sides: tuple[int, int], count: int, window: tuple[int, int]
) -> None:
    found = list(windows(torch.zeros(1, 1, *sides)))
    assert [tuple(part.shape[2:]) for part in found] == [window] * count


def test_windows_lie_in_the_middles_of_the_halves() -> None:
    columns = torch.arange(1600).expand(1, 1, 600, 1600)
    left, right = windows(columns)
    assert int(left[0, 0, 0, 0]) == 400 - 192
    assert int(right[0, 0, 0, 0]) == 1200 - 192


def test_pictures_of_different_shapes_are_refused(
    network: EfficientNetLite0, picture: Tensor
) -> None:
    with pytest.raises(ValueError, match="one shape"):
        feature_distance(picture, picture[..., 1:], network)
    with pytest.raises(ValueError, match="one shape"):
        PerceptualLoss(network=network)(picture, picture[:1])
