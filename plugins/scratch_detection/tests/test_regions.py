"""From probabilities to a mask: plausible regions count, and a clean picture stays empty."""

from __future__ import annotations

import numpy as np
import pytest

from archivist_scratch.params import DetectParams
from archivist_scratch.regions import (
    MEASURES,
    Judge,
    convincing,
    decide,
    demanded,
    fit_judge,
    measure,
)
from archivist_scratch.width import grow


def params(**changes: float | int) -> DetectParams:
    fixed = {"threshold": 0.5, "certainty": 0.8, "plausibility": 0, "conviction": 0}
    sizes = {"least_region": 5, "least_evidence": 10.0, "dilation": 0}
    return DetectParams(**{**fixed, **sizes, **changes})  # type: ignore[arg-type]


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


def test_a_picture_in_which_nothing_convinces_is_clean(probability: np.ndarray) -> None:
    assert decide(probability, params(conviction=0.8)).mask.any()
    assert not decide(probability, params(conviction=0.85)).mask.any()


def test_several_regions_convince_more_than_the_best_alone() -> None:
    alone, three = convincing(np.array([0.9])), convincing(np.array([0.9, 0.3, 0.8, 0.85]))

    assert 0.5 < alone < three < 0.9
    assert convincing(np.array([])) == 0
    assert convincing(np.array([1.0, 1.0, 1.0])) == pytest.approx(1)


def test_more_conviction_is_demanded_of_larger_pictures() -> None:
    small, middle, large, huge = (
        demanded(params(conviction=0.86), pixels)
        for pixels in (100, 720_000, 4_000_000, 400_000_000)
    )

    assert small == pytest.approx(0.86)
    assert small < middle < large == huge < 1
    assert demanded(params(conviction=0), 10**6) == 0


def test_a_picture_without_candidates_is_clean() -> None:
    assert not decide(np.zeros((1, 1), np.float32), params(least_evidence=0)).mask.any()


def test_regions_are_measured(probability: np.ndarray) -> None:
    found = measure(probability, 0.5)

    line = dict(zip(MEASURES, found.measures[1], strict=True))
    assert found.area[1] == 40
    assert line["log length"] == pytest.approx(np.log(40))
    assert line["log width"] == 0
    assert line["mean logit"] == pytest.approx((39 * np.log(1.5) + np.log(9)) / 40, abs=1e-4)
    assert line["clutter"] > 0  # the other line is near


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    measures = rng.normal(0, 1, (400, len(MEASURES)))
    return measures, measures[:, 0] - measures[:, 1] + rng.normal(0, 0.3, 400) > 0.5


def test_a_fitted_judge_tells_damage_from_clutter() -> None:
    judge = fit_judge(*samples())

    assert judge.weights[0] > 1
    assert judge.weights[1] < -1
    assert Judge.from_json(judge.to_json()) == judge
    assert Judge.from_json(None) is None


def test_a_clearer_region_never_speaks_against_damage() -> None:
    measures, damaged = samples()

    judge = fit_judge(measures, ~damaged)

    signed = np.array(judge.weights) * np.array(list(MEASURES.values()))
    assert signed.min() >= 0


def test_a_judge_can_reject_a_certain_region(probability: np.ndarray) -> None:
    severe = Judge([0.0] * len(MEASURES), -5.0)

    assert not decide(probability, params(plausibility=0.5), severe).mask.any()


def test_growing_adds_the_wanted_border() -> None:
    mask = np.zeros((11, 11), np.bool_)
    mask[5, 5] = True

    assert grow(mask, 0) is mask
    assert grow(mask, 2)[5].sum() == 5
    assert grow(mask, 2)[3, 3] == np.False_


def _map_with(draw) -> np.ndarray:
    probability = np.full((400, 500), 0.01, np.float32)
    draw(probability)
    return probability


def test_a_wide_patch_is_no_scratch_and_stays_out_of_the_mask():
    patch = _map_with(lambda p: p.__setitem__((slice(100, 160), slice(100, 180)), 0.99))

    assert not decide(patch, DetectParams()).mask.any()
    assert decide(patch, DetectParams(widest=0.0)).mask.any()


def test_a_scratch_is_kept_where_it_runs_into_a_wide_patch():
    def draw(p):
        p[100:115, 100:115] = 0.99
        p[106:109, 115:480] = 0.99

    probability = _map_with(draw)
    mask = decide(probability, DetectParams(dilation=0)).mask
    whole = decide(probability, DetectParams(dilation=0, widest=0.0)).mask

    assert mask[107, 300]
    assert not mask[107, 107]
    assert whole[107, 107]
