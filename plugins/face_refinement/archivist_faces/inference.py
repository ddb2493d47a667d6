"""A crop of any size through the face generator."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from archivist_faces.generator import STRIDE, FaceGenerator

SMALLEST = 2 * STRIDE
"""A side of the generator's input is at least this; below, its first maps would be one pixel."""


@torch.inference_mode()
def generate(network: FaceGenerator, crop: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the refined crop (h, w, 3), float32 in 0..1, for a degraded one of any size.

    Sides that do not fit the generator are padded by reflection, half on each side, and cut back.
    A grey crop (h, w, 1) is refined in three channels and comes back as their mean.
    """
    if crop.ndim != 3 or crop.shape[2] not in (1, 3):
        raise ValueError(f"a crop has shape {crop.shape}; give (h, w, 1) or (h, w, 3)")
    rgb = np.repeat(crop, 3, axis=2) if crop.shape[2] == 1 else crop
    (top, bottom), (left, right) = (_lacking(side) for side in crop.shape[:2])
    whole = np.pad(rgb, ((top, bottom), (left, right), (0, 0)), mode="reflect")
    device = next(network.parameters()).device
    batch = torch.from_numpy(np.ascontiguousarray(whole.transpose(2, 0, 1))[None] * 2 - 1)
    found = network(batch.to(device))[0].float().cpu().numpy().transpose(1, 2, 0)
    height, width = crop.shape[:2]
    refined = (found[top : top + height, left : left + width] + 1) / 2
    if crop.shape[2] == 1:
        refined = refined.mean(axis=2, keepdims=True)
    return np.ascontiguousarray(refined, np.float32)


def _lacking(side: int) -> tuple[int, int]:
    lacking = max(SMALLEST, -(-side // STRIDE) * STRIDE) - side
    return lacking // 2, lacking - lacking // 2
