"""Multi-scale patch attention, the paper's way to fill damage in large pictures.

Damaged patches of the feature map are replaced by the most similar undamaged ones. Two defects of
the released code are mended: a map whose patches are all damaged stopped it, and sides that are no
multiple of the patch left zeros at the right and lower border.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_triplet.paper.blocks import Engine, Pause, go_on, mirrored, residual_blocks, touched

DAMAGED_SHARE = 0.6
"""A patch is damaged when more than this share of its positions is."""

CHUNK_VALUES = 2**22
"""Values of the patches compared at once: 16 MiB in float32."""

CHUNK_PATCHES = 2048
"""Most patches of a chunk, so that their similarities stay at 16 MiB too."""


class PatchStage(nn.Module):
    """One scale: residual block, replacement of damaged patches, fusion with input and mask."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.F_Combine = nn.Conv2d(2 * width + 1, width, 3, padding=1)
        self.res_block = nn.Sequential(*residual_blocks(width, 1))

    def forward(self, x: Tensor, damage: Tensor, engine: Engine) -> Tensor:
        """Return features of the shape of ``x`` (batch, width, h, w), whose memory may be reused.

        ``damage`` is (batch, 1, H, W) of the picture, 1 = damaged.
        """
        height, width = x.shape[2:]
        mask = touched(damage, (height, width))
        composed = mirrored(engine.chain(self.res_block, x, keep=True), self.patch)
        share = functional.avg_pool2d(mirrored(mask, self.patch), self.patch)
        for features, damaged in zip(composed, (share > DAMAGED_SHARE).flatten(1), strict=True):
            replace_damaged(features, damaged, self.patch, engine.pause)
        return engine.join(self.F_Combine, (x, composed[:, :, :height, :width], mask))


def replace_damaged(features: Tensor, damaged: Tensor, patch: int, pause: Pause = go_on) -> None:
    """Replace damaged patches by the undamaged ones of highest cosine similarity, in place.

    ``features`` is (width, h, w) with sides that are multiples of ``patch``; ``damaged`` is bool
    (patches), row by row. Without a damaged or without an undamaged patch nothing changes.
    """
    asking, sources = damaged.nonzero().squeeze(1), (~damaged).nonzero().squeeze(1)
    if not len(asking) or not len(sources):
        return
    width, height, across = features.shape
    grid = features.view(width, height // patch, patch, across // patch, patch)
    size = max(1, min(CHUNK_PATCHES, CHUNK_VALUES // (width * patch * patch)))
    for chunk in torch.split(asking, size):
        pause()
        best = _most_similar(grid, chunk, torch.split(sources, size))
        grid[:, *_place(grid, chunk)] = grid[:, *_place(grid, best)]


def _most_similar(grid: Tensor, asking: Tensor, sources: tuple[Tensor, ...]) -> Tensor:
    """Return the best source of each asking patch; the first one where several are equal."""
    queries = _unit(grid, asking)
    high = torch.full((len(asking),), -torch.inf, device=grid.device, dtype=grid.dtype)
    best = torch.zeros_like(asking)
    for chunk in sources:
        value, index = (queries @ _unit(grid, chunk).T).max(dim=1)
        better = value > high
        best = torch.where(better, chunk[index], best)
        high = torch.where(better, value, high)
    return best


def _unit(grid: Tensor, patches: Tensor) -> Tensor:
    """Return patches (count, values), each of length 1."""
    return functional.normalize(grid[:, *_place(grid, patches)].flatten(1), dim=1)


def _place(grid: Tensor, patches: Tensor) -> tuple[Tensor, slice, Tensor]:
    """Return the index of patches behind the channels: their rows, all lines, their columns.

    What it selects is (count, width, patch, patch): indices around a slice come to the front.
    """
    columns = grid.shape[3]
    return patches // columns, slice(None), patches % columns
