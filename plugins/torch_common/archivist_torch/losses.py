"""Losses for maps with unsure pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def masked_segmentation_loss(
    logits: Tensor, target: Tensor, care: Tensor, *, positive: float = 2.0, focal: float = 5.0
) -> Tensor:
    """Return balanced cross entropy plus focal and dice terms, over cared-for pixels only.

    All three tensors are (batch, 1, height, width); ``target`` and ``care`` hold 0 or 1. The paper
    trains its detector with cross entropy weighted per image and a focal term (gamma 2); damaged
    pixels are about one in twenty, so ``positive`` lifts them. Dice is taken over the whole batch,
    because a clean picture has no overlap of its own.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    chance = torch.sigmoid(logits)
    miss = (target - chance).abs()
    weight = care * (1 + (positive - 1) * target)
    plain = (weight * entropy).sum() / care.sum().clamp(min=1)
    hard = (care * miss.square() * entropy).sum() / care.sum().clamp(min=1)
    overlap = (care * chance * target).sum()
    dice = 1 - (2 * overlap + 1) / ((care * (chance + target)).sum() + 1)
    return plain + focal * hard + 0.3 * dice
