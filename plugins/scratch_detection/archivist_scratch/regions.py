"""From a probability map to a mask: choose the damaged regions, and see when there are none.

Per-pixel thresholds flag a few specks on almost any photograph. A museum wants a clean photograph
to come out untouched, so there are two more questions: is any pixel of a region quite certain
(hysteresis, as in Canny's edge detector), and is there enough evidence in the whole picture?
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_scratch.params import DetectParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The mask (bool, height x width) and the measurements that led to it."""

    mask: NDArray[np.bool_]
    regions: int
    evidence: float


def decide(probability: NDArray[np.float32], params: DetectParams) -> Decision:
    """Choose the damaged regions of a probability map (height, width), values 0..1."""
    candidates = (probability >= params.threshold).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(candidates, connectivity=8)
    peaks = np.zeros(count, np.float32)
    np.maximum.at(peaks, labels, probability)
    kept = (peaks >= params.certainty) & (stats[:, cv2.CC_STAT_AREA] >= params.least_region)
    kept[0] = False  # label 0 is the background
    mask = kept[labels]
    evidence = float(probability[mask].sum(dtype=np.float64))
    if evidence < params.least_evidence:
        return Decision(mask=np.zeros_like(mask), regions=0, evidence=evidence)
    return Decision(mask=grow(mask, params.dilation), regions=int(kept.sum()), evidence=evidence)


def grow(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Return the mask dilated by a disc of this radius."""
    if pixels == 0:
        return mask
    side = 2 * pixels + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc), np.bool_)
