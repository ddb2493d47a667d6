"""Lessons for the joiner: cut, turned and mirrored together, and judged by what they gain."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archivist_reference_sr.compact.enlarger import Enlarger
from archivist_reference_sr.compact.joiner import Joiner
from archivist_reference_sr.training.joiner_stage import JoinerTask, JoinerValidation
from archivist_reference_sr.training.lending import Lesson
from archivist_torch.device import Compute


def lesson(kind: str, side: int = 20) -> Lesson:
    """Return a lesson whose arrays all follow from one another."""
    small = np.random.default_rng(1).integers(0, 120, (side, side, 3), np.uint8)
    truth = small.repeat(4, 0).repeat(4, 1)
    return Lesson(kind, small, truth, truth.astype(np.int8), small[..., 0] + 120)


@pytest.fixture
def enlarger() -> Enlarger:
    torch.manual_seed(1)
    return Enlarger(8, 1).eval().requires_grad_(False)


def validation(*lessons: Lesson) -> JoinerValidation:
    compute = Compute(torch.device("cpu"), torch.float32, "test")
    return JoinerValidation({"door": lessons}, compute)


def task(enlarger: Enlarger, *lessons: Lesson) -> JoinerTask:
    return JoinerTask(lessons, enlarger, 16, 1, validation(*lessons))


def test_all_parts_of_a_sample_are_turned_alike(enlarger: Enlarger) -> None:
    made = task(enlarger, lesson("found"))

    for number in range(12):
        small, truth, detail, similarity = made.sample(number)
        assert np.array_equal(truth, small.repeat(4, 1).repeat(4, 2))
        assert np.array_equal(detail, truth.astype(np.int8))
        assert np.array_equal(similarity[0], small[0] + 120)


def test_kinds_that_are_missing_are_not_drawn(enlarger: Enlarger) -> None:
    made = task(enlarger, lesson("found"), lesson("unrelated"))

    assert set(made.lessons) == {"found", "unrelated"}


def test_pictures_smaller_than_a_crop_are_named_as_such(enlarger: Enlarger) -> None:
    with pytest.raises(ValueError, match="as large as a crop of 64 px"):
        task(enlarger, lesson("found", side=10))


def test_the_loss_teaches_the_joiner_and_not_the_enlarger(enlarger: Enlarger) -> None:
    made, joiner = task(enlarger, lesson("found")), Joiner(8, 1, 8)
    batch = tuple(torch.from_numpy(part)[None] for part in made.sample(3))

    made.loss(joiner, batch).backward()

    assert joiner.tail.weight.grad.abs().max() > 0
    assert all(weight.grad is None for weight in enlarger.parameters())


def test_an_untrained_joiner_gains_nothing_and_harms_nothing(enlarger: Enlarger) -> None:
    joiner = Joiner(8, 1, 8)
    with torch.no_grad():
        joiner.tail.bias[-16:] = -50  # the share of what was borrowed: none

    figures = validation(lesson("found"), lesson("unrelated"))(enlarger, joiner)

    assert figures["door_found"] == pytest.approx(0, abs=1e-4)
    assert figures["score"] == pytest.approx(0, abs=1e-3)
