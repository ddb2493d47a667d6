"""Damage masks as a detector or a person would give them: wider than the damage, with gaps."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MISSED = 0.15
"""Share of damaged regions that is missed."""
WIDEST = 3
"""Masks are widened by 0..WIDEST pixels."""


def observed_mask(mask: Tensor, generator: np.random.Generator) -> Tensor:
    """Make imperfect masks from true ones, bool (B, 1, H, W); every sample is drawn for itself.

    Each connected region is missed with probability :data:`MISSED`; the rest is widened by a disc
    of 0..:data:`WIDEST` pixels.
    """
    found = [_observe(one, generator) for one in mask[:, 0].cpu().numpy()]
    return torch.from_numpy(np.stack(found))[:, None].to(mask.device)


def _observe(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    by = int(rng.integers(WIDEST + 1))
    if not mask.any():
        return mask
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    kept = rng.random(count) >= MISSED
    kept[0] = False  # label 0 is the sound rest
    seen = kept[labels].astype(np.uint8)
    if by:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
        seen = cv2.dilate(seen, disc)
    return np.asarray(seen, np.bool_)
