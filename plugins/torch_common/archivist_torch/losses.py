"""Losses for maps with unsure pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

HEAVIEST = 2.0
"""No damaged pixel counts more than this many sound ones, however few there are."""


def masked_segmentation_loss(
    logits: Tensor, target: Tensor, care: Tensor, *, focal: float = 1.0, dice: float = 0.5
) -> Tensor:
    """Return balanced cross entropy plus focal and dice terms, over cared-for pixels only.

    All three tensors are (batch, 1, height, width); ``target`` and ``care`` hold 0 or 1. The paper
    trains its detector with cross entropy balanced in each image and a focal term (gamma 2). The
    balance and the dice term let a hairline weigh as much as a large stain; pictures without any
    damage have no dice of their own.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    chance = torch.sigmoid(logits)
    miss = (target - chance).abs()
    weight = care * (1 + (_balance(target, care) - 1) * target)
    terms = weight * entropy * (1 + focal * miss.square())
    return terms.sum() / care.sum().clamp(min=1) + dice * _dice(chance, target, care)


def _balance(target: Tensor, care: Tensor) -> Tensor:
    """Return the weight of damaged pixels in each image, so that both classes count alike."""
    damaged = (target * care).sum(dim=(1, 2, 3), keepdim=True)
    sound = ((1 - target) * care).sum(dim=(1, 2, 3), keepdim=True)
    return (0.25 * sound / damaged.clamp(min=1)).clamp(1.0, HEAVIEST)


def _dice(chance: Tensor, target: Tensor, care: Tensor) -> Tensor:
    """Return one minus the mean overlap of the images that show damage."""
    overlap = (care * chance * target).sum(dim=(1, 2, 3))
    both = (care * (chance + target)).sum(dim=(1, 2, 3))
    shown = ((care * target).sum(dim=(1, 2, 3)) > 0).float()
    each = 1 - (2 * overlap + 1) / (both + 1)
    return (each * shown).sum() / shown.sum().clamp(min=1)
