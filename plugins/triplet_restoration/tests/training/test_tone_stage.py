"""The guess of tone learns from few colours of many samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from archivist_torch.ageing import AgeingSettings
from archivist_torch.device import Compute
from archivist_torch.training import Settings, Trainer
from archivist_triplet.tone_guess import FACTS
from archivist_triplet.training.source import Source
from archivist_triplet.training.tone_stage import ToneSamples, ToneTask, optimisers

FADED = AgeingSettings(pristine=0.0, toning=0.0, fading=1.0, uneven=0.0, undamaged=1.0)


@pytest.fixture
def samples(source: Source, cpu: Compute) -> ToneSamples:
    return ToneSamples(replace(source, size=64, settings=FADED), 48, cpu)


def test_a_sample_is_remembered_as_facts_and_few_colours(samples: ToneSamples) -> None:
    facts, colours, truth, sound = samples.chosen(torch.tensor([0, 5, 5]))

    assert len(samples) == 48
    assert facts.shape == (3, FACTS)
    assert colours.shape == truth.shape == (3, 3, 1024)
    assert sound.shape == (3, 1024)
    assert colours.abs().max() <= 1
    assert not torch.equal(colours, truth)


def test_a_batch_is_the_same_whenever_it_is_asked_for(samples: ToneSamples) -> None:
    task = ToneTask(samples, samples, seed=3)

    once, again, next_one = (task.batch(range(n, n + 6)) for n in (12, 12, 18))

    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert not torch.equal(once[0], next_one[0])


def test_the_guess_learns_how_faded_pictures_were(
    samples: ToneSamples, cpu: Compute, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    task = ToneTask(samples, samples, seed=3)
    guess = task.begun()
    before = task.validate(guess)
    settings = Settings(minutes=1e9, batch=16, warmup_steps=1, steps=150)

    Trainer(
        guess, task, settings, tmp_path / "run", cpu, moved_by=optimisers(guess, rate=3e-3)
    ).run()

    after = task.validate(guess.eval())
    assert before["score"] == pytest.approx(0, abs=1e-4)
    assert after["score"] > 1
    assert after["colour"] > 1
