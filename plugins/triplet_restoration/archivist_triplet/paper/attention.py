"""The partial nonlocal block (section 3.3): damage is filled from all undamaged positions.

The paper computes a matrix of all positions times all positions: 13.4 GiB at 800x1200 px. Here the
same sums are streamed, chunk of queries by chunk of keys, with a running maximum and running sums.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_triplet.paper.blocks import Engine, Pause, residual_blocks, touched

QUERIES = 2048
KEYS = 4096
"""Positions of a chunk: the largest matrix has 2048 x 4096 values, 32 MiB in float32."""

SMALLEST_SHARE = 1e-12
"""The paper divides by the undamaged share of the attention, but by no less than this."""


class PartialNonlocal(nn.Module):
    """Replace the features of damaged positions by what similar undamaged ones say.

    Every position asks, not the damaged ones alone: the residual blocks behind the attention mix
    neighbours and normalise over the whole map, so what damaged positions get in the end depends
    on the attention of all. Time therefore grows with the square of the area, memory with the area.

    theta, phi, g and W are 1x1 convolutions, and sums are linear, so they are applied to queries
    and to weighted sums instead of to all keys: only the features themselves are stored.
    """

    def __init__(self, width: int, blocks: int = 3) -> None:
        super().__init__()
        self.g = nn.Conv2d(width, width, 1)
        self.W = nn.Conv2d(width, width, 1)
        self.theta = nn.Conv2d(width, width, 1)
        self.phi = nn.Conv2d(width, width, 1)
        self.res_block = nn.Sequential(*residual_blocks(width, blocks))

    def forward(self, x: Tensor, damage: Tensor, engine: Engine) -> Tensor:
        """Return ``x`` (batch, width, h, w) with filled damage; 1 in ``damage`` = damaged.

        Where nothing is damaged there is nothing to do; where everything is, there is no source:
        in both cases ``x`` comes back as it is.
        """
        sound = undamaged(damage, (x.shape[2], x.shape[3]))
        if bool(sound.all()) or not bool(sound.any()):
            return x
        filled = engine.chain(self.res_block, self._attend(x, sound, engine.pause))
        return torch.where(sound, x, filled)

    def _attend(self, x: Tensor, sound: Tensor, pause: Pause) -> Tensor:
        result = torch.empty_like(x)
        for features, mask, target in zip(x.flatten(2), sound.flatten(1), result, strict=True):
            flat = target.view(target.shape[0], -1)
            for start in range(0, flat.shape[1], QUERIES):
                pause()
                chunk = slice(start, start + QUERIES)
                flat[:, chunk] = self._answers(features[:, chunk], features, mask)
        return result

    def _answers(self, asking: Tensor, features: Tensor, sound: Tensor) -> Tensor:
        """Return the output of W (width, queries) for the queries ``asking`` (width, queries)."""
        assert self.phi.bias is not None
        theta = _apply(self.theta, asking).T
        queries, offset = theta @ self.phi.weight.flatten(1), theta @ self.phi.bias[:, None]
        mean, share = weighted_mean(queries, offset, features, sound)
        return _apply(self.W, _apply(self.g, mean.T, share))


def weighted_mean(
    queries: Tensor, offset: Tensor, features: Tensor, sound: Tensor, chunk: int = KEYS
) -> tuple[Tensor, Tensor]:
    """Return the mean of the undamaged features, weighted by a softmax over all positions.

    ``queries`` is (queries, width), ``offset`` (queries, 1) what is added to each score,
    ``features`` (width, positions), ``sound`` (positions) bool. The weights are those of
    ``softmax(queries @ features + offset)`` with damaged positions set to 0, divided by their sum
    (at least 1e-12). Returns the means (queries, width) and the sums of the weights (queries).
    """
    high = torch.full_like(offset, -torch.inf)
    total, kept = torch.zeros_like(offset), torch.zeros_like(offset)
    weighted = torch.zeros_like(queries)
    for start in range(0, features.shape[1], chunk):
        keys, mask = features[:, start : start + chunk], sound[start : start + chunk]
        scores = (queries @ keys).add_(offset)
        new = torch.maximum(high, scores.amax(1, keepdim=True))
        weights = scores.sub_(new).exp_()
        faded = torch.exp(high - new)
        total = total * faded + weights.sum(1, keepdim=True)
        weights *= mask
        kept = kept * faded + weights.sum(1, keepdim=True)
        weighted.mul_(faded).addmm_(weights, keys.T)
        high = new
    divisor = torch.maximum(kept, SMALLEST_SHARE * total)
    return weighted.div_(divisor), (kept / divisor).squeeze(1)


def undamaged(damage: Tensor, size: tuple[int, int]) -> Tensor:
    """Return where the latent is undamaged, bool (batch, 1, h, w).

    As in the paper's code: where both the bilinear and the nearest reduction of the mask are 0.
    """
    nearest = functional.interpolate(damage, size, mode="nearest")
    return (touched(damage, size) == 0) & (nearest == 0)


def _apply(conv: nn.Conv2d, x: Tensor, share: Tensor | float = 1.0) -> Tensor:
    """Return a 1x1 convolution of ``x`` (width, positions); its bias is weighted by ``share``."""
    assert conv.bias is not None
    return conv.weight.flatten(1) @ x + conv.bias[:, None] * share
