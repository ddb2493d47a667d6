"""The segmentation loss ignores unsure pixels and rewards being right."""

from __future__ import annotations

import torch

from archivist_torch.losses import masked_segmentation_loss


def test_unsure_pixels_do_not_count() -> None:
    target, care = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    target[..., 0], care[..., 3] = 1, 0
    logits = torch.randn(1, 1, 4, 4)
    other = logits.clone()
    other[..., 3] = 50

    first, second = (masked_segmentation_loss(x, target, care) for x in (logits, other))
    assert torch.allclose(first, second)


def test_being_right_costs_next_to_nothing() -> None:
    target = torch.zeros(2, 1, 8, 8)
    target[0, :, 2:4] = 1

    right = masked_segmentation_loss(40 * target - 20, target, torch.ones_like(target))
    wrong = masked_segmentation_loss(20 - 40 * target, target, torch.ones_like(target))
    assert right < 0.01
    assert wrong > 10
