"""Likeness of pictures to the eye: a loss for training and a distance for results.

Both look at features of EfficientNet-Lite0, frozen. The loss is cheap and weighs every layer alike;
the distance sees all layers and is fixed for good, so that figures of different days compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor, nn

from archivist_torch.efficientnet import STRIDES, EfficientNetLite0, load_efficientnet

WEIGHTS = {2: 1.0, 4: 1.0, 8: 1.0, 16: 1.0, 32: 1.0}
"""Weight of each stride in the loss; they are divided by their sum.

The paper weighs the five layers of VGG19 by 1/32, 1/16, 1/8, 1/4 and 1 because their magnitudes
fall with depth; here each layer is divided by its magnitude instead, so all can weigh alike.
"""
LEAST_MAGNITUDE = 0.05
"""Floor of a layer's mean magnitude, 1 to 6 on photographs; it only bars a division by zero."""
WHOLE = 600_000
"""Pixels up to which a picture is compared whole; of a larger one windows stand for it."""
WINDOW, ONLY_WINDOW = 384, 512
"""Sides of the windows: two along a side of at least twice WINDOW, else one in its middle."""


class PerceptualLoss(nn.Module):
    """L1 between features, each layer measured in units of its mean magnitude in the target.

    It stands for the VGG19 loss of the paper. With ``upto=8`` three layers are used: edges,
    textures and small shapes, which is what a restored print can be wrong in; the deeper ones name
    objects and cost as much again. Forward and backward of 4 pictures of 192 x 192 take about
    60 ms on one core.
    """

    def __init__(self, upto: int = 8, network: EfficientNetLite0 | None = None) -> None:
        super().__init__()
        self.upto = upto
        self.network = network or load_efficientnet()
        chosen = [WEIGHTS[stride] for stride in STRIDES if stride <= upto]
        self.weights = tuple(weight / sum(chosen) for weight in chosen)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the loss, a scalar, 0 for equal pictures and above 1 for unrelated ones.

        ``a`` is the result, ``b`` the target, both (batch, 3, height, width) RGB in -1..1; no
        gradient flows into ``b``.
        Raises ValueError when the shapes differ or are no batch of RGB pictures.
        """
        _check(a, b)
        with torch.no_grad():
            wanted = self.network.features(b, self.upto)
        found = self.network.features(a, self.upto)
        terms = (
            weight * (x - y).abs().mean() / y.abs().mean().clamp(min=LEAST_MAGNITUDE)
            for weight, x, y in zip(self.weights, found, wanted, strict=True)
        )
        return torch.stack(list(terms)).sum()


@torch.no_grad()
def feature_distance(a: Tensor, b: Tensor, network: EfficientNetLite0 | None = None) -> Tensor:
    """Return the feature distance (batch,) of pictures, 0 for equal ones, symmetric.

    At each position and each of the five strides the features are brought to unit length; their
    squared difference is summed over channels and averaged over positions, then over strides, as
    LPIPS does before its learnt weights. Pictures above WHOLE pixels are compared by windows.
    ``a`` and ``b`` are (batch, 3, height, width) RGB in -1..1. Without ``network`` the released one
    is loaded once and kept.
    Raises ValueError when the shapes differ or are no batch of RGB pictures.
    """
    _check(a, b)
    network = network or _shared()
    parts = [
        _distance(network.features(x), network.features(y))
        for x, y in zip(windows(a), windows(b), strict=True)
    ]
    return torch.stack(parts).mean(0)


def windows(x: Tensor) -> Iterator[Tensor]:
    """Yield the parts of (batch, channels, height, width) that stand for the whole."""
    height, width = x.shape[-2:]
    if height * width <= WHOLE:
        yield x
        return
    for rows in _spans(height):
        for columns in _spans(width):
            yield x[..., rows, columns]


def _spans(side: int) -> list[slice]:
    if side >= 2 * WINDOW:
        starts, length = [side // 4, side // 2 + side // 4], WINDOW
        return [slice(middle - length // 2, middle + length // 2) for middle in starts]
    length = min(side, ONLY_WINDOW)
    return [slice((side - length) // 2, (side - length) // 2 + length)]


def _distance(first: list[Tensor], second: list[Tensor]) -> Tensor:
    terms = [
        (_unit(x) - _unit(y)).square().sum(1).mean((1, 2))
        for x, y in zip(first, second, strict=True)
    ]
    return torch.stack(terms).mean(0)


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-8)


@cache
def _shared() -> EfficientNetLite0:
    return load_efficientnet()


def _check(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise ValueError(
            f"pictures of one shape are compared, not {tuple(a.shape)}, {tuple(b.shape)}"
        )
