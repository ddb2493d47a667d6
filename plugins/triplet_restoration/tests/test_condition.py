"""The judge of condition tells aged from sound, says why, and takes any picture."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist_torch.degrade import blur, fade, grain, in_turn, jpeg, luma, tone
from archivist_triplet import condition
from archivist_triplet.condition import (
    THRESHOLD,
    TOLD,
    WORDS,
    assess,
    from_json,
    logistic,
    shipped_judges,
    to_json,
)
from archivist_triplet.condition_fit import SOUND, Sample, fit_judges, variant
from archivist_triplet.measures import blockiness, measure

Pixels = NDArray[np.float32]


@pytest.fixture(scope="module")
def scene() -> Pixels:
    """Return (320, 480, 3): sky, hills, a bright house, dark trees; sharp, as a camera's 8 bits."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[0:640, 0:960].astype(np.float32)
    sky = np.stack([0.35 + y / 1800, 0.55 + y / 2400, 0.9 - y / 3000], axis=-1)
    hills = 300 + 60 * np.sin(x / 120) + 30 * np.sin(x / 37)
    texture = cv2.GaussianBlur(rng.random((640, 960), np.float32), (0, 0), 1.5)
    ground = np.stack([0.1 + 0.5 * texture, 0.15 + 0.7 * texture, 0.05 + 0.2 * texture], axis=-1)
    picture = np.where((y > hills)[..., None], ground, sky).astype(np.float32)
    picture = np.ascontiguousarray(picture)
    cv2.rectangle(picture, (420, 260), (640, 460), (0.98, 0.97, 0.93), -1)
    for left in range(440, 620, 60):
        cv2.rectangle(picture, (left, 300), (left + 30, 350), (0.02, 0.02, 0.03), -1)
    for centre in rng.integers((40, 400), (900, 600), (12, 2)):
        cv2.circle(picture, [int(v) for v in centre], 34, (0.0, 0.03, 0.01), -1, cv2.LINE_AA)
    small = cv2.resize(picture, (480, 320), interpolation=cv2.INTER_AREA)
    noisy = small + rng.normal(0, 0.004, small.shape)
    return (np.rint(np.clip(noisy, 0, 1) * 255) / 255).astype(np.float32)


def aged(pixels: Pixels) -> Pixels:
    fading = fade(black=(0.2, 0.2), white=(0.72, 0.72), gamma=(1, 1))
    ageing = in_turn(grain((0.04, 0.04)), tone((0.8, 0.8)), fading, blur((0.8, 0.8)))
    return ageing(pixels, np.random.default_rng(1))


def test_an_aged_picture_counts_as_degraded_and_the_same_before_as_sound(scene: Pixels) -> None:
    assert assess(scene).degraded < THRESHOLD <= assess(aged(scene)).degraded


@pytest.mark.parametrize(
    "ageing",
    [
        fade(black=(0.25, 0.25), white=(0.7, 0.7)),
        grain((0.06, 0.06)),
        in_turn(tone((1.0, 1.0)), fade(black=(0.15, 0.15), white=(0.8, 0.8))),
    ],
    ids=["faded", "grainy", "toned"],
)
def test_each_sign_of_age_raises_the_score(scene: Pixels, ageing: object) -> None:
    assert callable(ageing)
    older = ageing(scene, np.random.default_rng(2))
    assert assess(older).degraded > assess(scene).degraded


def test_a_sound_picture_in_grey_stays_sound(scene: Pixels) -> None:
    assert assess(luma(scene)[..., None]).degraded < THRESHOLD


def test_one_channel_and_three_equal_ones_are_judged_alike(scene: Pixels) -> None:
    grey = aged(scene)[..., :1]
    one, three = measure(grey), measure(np.repeat(grey, 3, axis=2))
    assert one == pytest.approx(three, abs=1e-4)


def test_a_faded_picture_is_told_by_its_contrast(scene: Pixels) -> None:
    faded = fade(black=(0.3, 0.3), white=(0.7, 0.7), gamma=(1, 1))(scene, np.random.default_rng())
    found = assess(faded)
    spread = float(np.subtract(*np.quantile(luma(faded), (0.99, 0.01))))

    assert f"contrast range {spread:.2f}" in found.reasons
    assert found.scores["contrast_range"] == pytest.approx(spread, abs=1e-3)


def test_a_sound_picture_has_no_reasons(scene: Pixels) -> None:
    assert assess(scene).reasons == ()


def test_the_worst_answer_counts(scene: Pixels) -> None:
    found = assess(aged(scene))
    assert found.degraded == max(found.scores[question] for question in TOLD)


def test_the_size_of_the_scan_hardly_matters(scene: Pixels) -> None:
    for pixels in (scene, aged(scene)):
        large = cv2.resize(pixels, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC).clip(0, 1)
        small = large.reshape(960, 1440, 3)
        assert (assess(small).degraded < THRESHOLD) == (assess(pixels).degraded < THRESHOLD)


def test_sixteen_bits_are_judged_as_eight(scene: Pixels) -> None:
    old = aged(scene)
    eight, sixteen = (
        assess((np.rint(old * steps) / steps).astype(np.float32)).degraded for steps in (255, 65535)
    )
    assert eight == pytest.approx(sixteen, abs=0.05)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 900, 1), (700, 2, 3), (31, 31, 1)])
def test_tiny_and_thin_pictures_count_as_sound(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).random(shape, np.float32)
    assert assess(pixels).degraded == 0


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_of_one_tone_counts_as_sound(level: float, channels: int) -> None:
    assert assess(np.full((64, 80, channels), level, np.float32)).degraded == 0


@pytest.mark.parametrize("shape", [(32, 32, 3), (33, 1200, 1), (700, 40, 3)])
@pytest.mark.parametrize("black_share", [0.0, 0.999])
def test_every_measure_of_an_odd_picture_is_finite(
    shape: tuple[int, int, int], black_share: float
) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.random(shape, np.float32) * (rng.random(shape, np.float32) > black_share)
    assert np.isfinite(list(measure(pixels).values())).all()
    assert 0 <= assess(pixels).degraded <= 1


def test_a_read_only_picture_is_left_as_it_is(scene: Pixels) -> None:
    given = scene.copy()
    given.setflags(write=False)
    assess(given)
    assert (given == scene).all()


@pytest.mark.parametrize("quality", [20, 40])
def test_the_grid_of_compression_is_seen_wherever_the_picture_was_cut(
    scene: Pixels, quality: int
) -> None:
    blocky = jpeg((quality, quality))(scene, np.random.default_rng())

    assert blockiness(blocky) > blockiness(scene) + 0.05
    assert blockiness(blocky[5:, 3:]) > blockiness(scene) + 0.05


def test_every_question_can_be_told() -> None:
    measures = measure(np.zeros((40, 40, 3), np.float32))
    assert set(shipped_judges()) == set(TOLD)
    assert {name for names in TOLD.values() for name in names} == set(WORDS)
    assert set(WORDS) <= set(measures)
    assert {len(judge.weights) for judge in shipped_judges().values()} == {len(measures)}


def test_judges_survive_their_file() -> None:
    judges = shipped_judges()
    assert from_json(to_json(judges)) == judges


def test_the_judge_loads_no_torch() -> None:
    code = f"import sys, {condition.__name__}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def made_up(shift: float, count: int = 200) -> Sample:
    """Return measures of sound pictures, and of two kinds of others that differ in one measure."""
    rng = np.random.default_rng(8)
    width = len(measure(np.zeros((40, 40, 3), np.float32)))
    kinds = np.repeat([SOUND, "first", "second"], count)
    measures = rng.normal(0, 1, (3 * count, width))
    measures[kinds == "first", 0] += shift
    measures[kinds == "second", 1] -= shift
    return Sample(measures, kinds, np.tile(np.arange(count), 3))


def test_fitting_finds_what_answers_each_question() -> None:
    judges, _ = fit_judges(made_up(5.0))
    strongest = {name: int(np.argmax(np.abs(judge.weights))) for name, judge in judges.items()}
    assert strongest == {"first": 0, "second": 1}


def test_fitted_judges_know_pictures_they_have_not_seen() -> None:
    sample = made_up(5.0)
    _, scores = fit_judges(sample)
    for kind, score in scores.items():
        assert (score[sample.kinds == kind] > 0).mean() > 0.8


def test_fitting_keeps_sound_pictures_sound() -> None:
    sample = made_up(1.5)
    _, scores = fit_judges(sample)
    worst = np.max(list(scores.values()), axis=0)
    assert 0.98 <= (worst[sample.kinds == SOUND] <= 0).mean() < 1


def test_a_variant_stays_a_picture(scene: Pixels) -> None:
    rng = np.random.default_rng(3)
    for _ in range(12):
        pixels = variant(scene, rng)
        assert pixels.dtype == np.float32
        assert pixels.shape[2] == 3
        assert 0 <= pixels.min() < pixels.max() <= 1


def test_the_logistic_does_not_overflow() -> None:
    assert logistic(-1e6) == 0
    assert logistic(0.0) == 0.5
    assert logistic(1e6) == 1
