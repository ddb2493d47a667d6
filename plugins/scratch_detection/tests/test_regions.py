"""From probabilities to a mask: certain regions count, and a clean picture stays empty."""

from __future__ import annotations

import numpy as np
import pytest

from archivist_scratch.params import DetectParams
from archivist_scratch.regions import decide, grow


def params(**changes: float | int) -> DetectParams:
    fixed = {"threshold": 0.5, "certainty": 0.8, "least_region": 5, "least_evidence": 10.0}
    return DetectParams(**{**fixed, "dilation": 0, **changes})  # type: ignore[arg-type]


@pytest.fixture
def probability() -> np.ndarray:
    """Return a map with a certain line, a doubtful line and a certain speck."""
    plane = np.full((40, 60), 0.1, np.float32)
    plane[10, 5:45], plane[10, 20] = 0.6, 0.9
    plane[20, 5:45] = 0.6
    plane[30, 30:32] = 0.95
    return plane


def test_a_region_counts_when_one_of_its_pixels_is_certain(probability: np.ndarray) -> None:
    decision = decide(probability, params())

    assert decision.regions == 1
    assert decision.mask.sum() == 40
    assert decision.mask[10, 5:45].all()


def test_smaller_regions_count_when_asked_for(probability: np.ndarray) -> None:
    assert decide(probability, params(least_region=2)).regions == 2


def test_too_little_evidence_means_a_clean_picture(probability: np.ndarray) -> None:
    decision = decide(probability, params(least_evidence=30))

    assert not decision.mask.any()
    assert decision.regions == 0
    assert decision.evidence == pytest.approx(0.6 * 39 + 0.9, abs=1e-4)


def test_a_picture_without_candidates_is_clean() -> None:
    assert not decide(np.zeros((1, 1), np.float32), params(least_evidence=0)).mask.any()


def test_growing_adds_the_wanted_border() -> None:
    mask = np.zeros((11, 11), np.bool_)
    mask[5, 5] = True

    assert grow(mask, 0) is mask
    assert grow(mask, 2)[5].sum() == 5
    assert grow(mask, 2)[3, 3] == np.False_
