"""From a probability map to a mask: choose the damaged regions, and see when there are none.

Per-pixel thresholds flag something on almost any photograph: a glint, a wire, a window bar. A
museum wants a clean photograph to come out untouched. So each connected region is judged as a whole
by a few measurements (:class:`Judge`), and a picture in which not one region convinces is clean.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_scratch.outgrowth import MARGIN, SLENDER, grows_out
from archivist_scratch.params import DetectParams
from archivist_scratch.width import NARROW, grow, thick_parts

DOUBT = 0.3
"""Pixels above this probability count as clutter around a region."""
WINDOW = 61
"""Side in pixels of the window in which clutter is counted."""
REFERENCE, LARGEST = 180_000, 4_000_000
"""Pixels of a picture for which ``conviction`` holds as it is, and from which it rises no more."""
BEST, ALONE = 3, 0.7
"""How many regions must convince together, and how much of its log-odds one keeps that is alone.
Where 46 of 48 clean photographs stay untouched, 24 of 41 damaged ones are found so, 16 by the best
region."""
THICK = 0.5
"""A region of which more than this share is too wide is left out whole: its ragged rim, taken
for itself, would look like scratches."""
MEASURES = {"mean logit": 1, "clutter": -1, "log length": 1, "log width": 1}
"""How sure the network is inside a region and unsure around it; its size. The number is the sign
that a coefficient may have: a clearer or larger region never speaks against damage, and clutter
around it never for it. Tone, contrast and evenness were tried and told damage no better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Connected regions of candidates: ``labels`` (int32, height x width, 0 is the background).

    ``area`` and ``peak`` hold a number for each label, ``boxes`` (labels, 4) left, top, width and
    height, ``measures`` (labels, 4) those of :data:`MEASURES`.
    """

    labels: NDArray[np.int32]
    boxes: NDArray[np.int32]
    area: NDArray[np.int64]
    peak: NDArray[np.float32]
    measures: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judge:
    """Logistic regression on the measurements of a region: its plausibility as damage.

    The coefficients belong to one network and travel in the metadata of its weight file.
    """

    weights: Sequence[float]
    bias: float

    def plausibility(self, regions: Regions) -> NDArray[np.float64]:
        """Return for each label the plausibility, 0..1."""
        logits = regions.measures @ np.asarray(self.weights) + self.bias
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))))

    def to_json(self) -> str:
        """Return the coefficients as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | None) -> Judge | None:
        """Return the judge of a weight file's metadata, None when it has none."""
        return None if text is None else cls(**json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The mask (bool, height x width) and the measurements that led to it."""

    mask: NDArray[np.bool_]
    regions: int
    evidence: float
    conviction: float


def decide(
    probability: NDArray[np.float32],
    params: DetectParams,
    judge: Judge | None = None,
    grey: NDArray[np.float32] | None = None,
) -> Decision:
    """Choose the damaged regions of a probability map (height, width), values 0..1.

    Without a judge the peak of a region stands for its plausibility; without the ``grey`` picture
    what grows out of a thing is not told from scratches.
    """
    found = measure(probability, params.threshold)
    plausible = found.peak.astype(np.float64) if judge is None else judge.plausibility(found)
    kept = (found.peak >= params.certainty) & (found.area >= params.least_region)
    kept &= plausible >= params.plausibility
    kept[0] = False  # label 0 is the background
    thick = thick_parts(found.labels > 0, width_limit(params, probability.shape))
    kept &= np.bincount(found.labels.ravel(), thick.ravel(), len(kept)) <= THICK * found.area
    if grey is not None:
        kept &= ~outgrowths(grey, found, kept)
    conviction = convincing(plausible[kept])
    mask = kept[found.labels] & ~thick
    evidence = float(probability[mask].sum(dtype=np.float64))
    if evidence < params.least_evidence or conviction < demanded(params, mask.size):
        nothing = np.zeros_like(mask)
        return Decision(mask=nothing, regions=0, evidence=evidence, conviction=conviction)
    grown = grow(mask, params.dilation)
    return Decision(mask=grown, regions=int(kept.sum()), evidence=evidence, conviction=conviction)


def outgrowths(
    grey: NDArray[np.float32], found: Regions, asked: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return for each label whether it is an outgrowth; those not ``asked`` for are not."""
    flags = np.zeros_like(asked)
    width = found.measures[:, list(MEASURES).index("log width")]
    slender = found.measures[:, list(MEASURES).index("log length")] - width >= np.log(SLENDER)
    for label in np.flatnonzero(asked & ~slender):
        left, top, across, down = found.boxes[label]
        box = (
            slice(max(0, top - MARGIN), top + down + MARGIN),
            slice(max(0, left - MARGIN), left + across + MARGIN),
        )
        flags[label] = grows_out(grey[box], found.labels[box] == label)
    return flags


def width_limit(params: DetectParams, shape: Sequence[int]) -> float:
    """Return the widest damage in pixels for a picture of this shape, infinite for any."""
    if params.widest == 0:
        return float("inf")
    return max(NARROW, params.widest / 1000 * min(shape[:2]))


def convincing(plausible: NDArray[np.float64]) -> float:
    """Return how convincing regions of this plausibility are together, 0..1, 0 for none.

    The log-odds of the best three are averaged, or the best counts alone, at a discount: a lamp or
    a twig that looks like a scratch is often the only one in its picture, and old prints have
    many scratches.
    """
    if not plausible.size:
        return 0.0
    sure = np.sort(np.clip(plausible, 0.5, 1 - 1e-9))[::-1][:BEST]
    odds = np.log(sure / (1 - sure))
    return float(1 / (1 + np.exp(-max(odds.sum() / BEST, ALONE * odds[0]))))


def demanded(params: DetectParams, pixels: int) -> float:
    """Return the conviction that is demanded of a picture of so many pixels.

    A larger picture has more regions that may mislead; beyond :data:`LARGEST` no more is demanded.
    """
    larger = min(max(pixels, REFERENCE), LARGEST) / REFERENCE
    odds = params.conviction / (1 - params.conviction) * larger**0.1
    return odds / (1 + odds)


def measure(probability: NDArray[np.float32], threshold: float) -> Regions:
    """Find the connected regions of pixels over a threshold, and measure each."""
    candidates = (probability >= threshold).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(candidates, connectivity=8)
    area = np.maximum(1, stats[:, cv2.CC_STAT_AREA]).astype(np.int64)
    peak = np.zeros(count, np.float32)
    np.maximum.at(peak, labels, probability)
    flat = labels.ravel()

    def mean(plane: NDArray[np.generic]) -> NDArray[np.float64]:
        return np.bincount(flat, plane.ravel(), minlength=count) / area

    doubtful = cv2.blur((probability > DOUBT).astype(np.float32), (WINDOW, WINDOW))
    length = np.maximum(1, np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]))
    columns = (
        mean(_logit(probability)),
        np.maximum(0, mean(doubtful) - area / WINDOW**2),
        np.log(length),
        np.log(area / length),
    )
    return Regions(
        labels=labels,
        boxes=stats[:, : cv2.CC_STAT_AREA],
        area=area,
        peak=peak,
        measures=np.stack(columns, axis=1),
    )


def _logit(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log-odds, from -7 to 7: beyond that a network's certainty means nothing."""
    bounded = np.clip(probability, 0.001, 0.999)
    return np.log(bounded / (1 - bounded)).astype(np.float32)


def fit_judge(measures: NDArray[np.float64], damaged: NDArray[np.bool_]) -> Judge:
    """Fit a judge to measured regions (n, measures) and whether each is damage.

    Both classes count alike. Measures whose coefficient gets the wrong sign are left out, the
    worst first, until all are right.
    """
    centre, spread = measures.mean(0), measures.std(0) + 1e-6
    x = np.c_[(measures - centre) / spread, np.ones(len(measures))]
    signs = np.array([*MEASURES.values(), 0])
    used = np.ones(len(signs), np.bool_)
    while True:
        b = np.zeros(len(signs))
        b[used] = _logistic(x[:, used], damaged)
        wrong = b * signs
        if wrong.min() >= 0:
            break
        used[wrong.argmin()] = False
    weights = b[:-1] / spread
    return Judge([float(w) for w in weights], float(b[-1] - weights @ centre))


def _logistic(
    x: NDArray[np.float64], damaged: NDArray[np.bool_], penalty: float = 1.0
) -> NDArray[np.float64]:
    """Return the coefficients of a logistic regression: thirty rounds of Newton's method."""
    share = damaged.mean()
    weight = np.where(damaged, 0.5 / share, 0.5 / (1 - share))
    b = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ b, -50, 50)))
        curvature = x.T @ (x * (weight * p * (1 - p))[:, None]) + penalty * np.eye(len(b))
        b -= np.linalg.solve(curvature, x.T @ (weight * (p - damaged)) + penalty * b)
    return b
