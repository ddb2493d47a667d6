"""Lessons in tone teach the description of a picture, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from archivist_torch.device import Compute
from archivist_triplet.compact import Triplet
from archivist_triplet.training.lessons import CERTAIN, WIDER, ToneLessons
from archivist_triplet.training.mapping_stage import begun
from archivist_triplet.training.source import Source
from archivist_triplet.training.vae_stage import Pair


@pytest.fixture
def network(source: Source) -> Triplet:
    torch.manual_seed(4)
    return begun(Pair(latent=16), source.samples(source.batch(range(8))).truth)


@pytest.fixture
def lessons(network: Triplet, source: Source, cpu: Compute) -> ToneLessons:
    return ToneLessons(network, replace(source, size=WIDER * source.size), cpu, 12)


def test_a_lesson_moves_the_description_and_its_amounts_alone(
    network: Triplet, lessons: ToneLessons
) -> None:
    nn.init.normal_(network.mapping.tone.everywhere.weight, 0, 0.1)

    lessons.loss(network.mapping).backward()

    moved = {name for name, w in network.mapping.named_parameters() if w.grad is not None}
    assert all(name.startswith(("context.", "tone.everywhere.")) for name in moved)
    assert {"context.look.weight", "tone.everywhere.bias"} <= moved


def test_the_loss_falls_with_learning(network: Triplet, lessons: ToneLessons) -> None:
    torch.manual_seed(0)
    before = lessons.loss(network.mapping).item()
    optimiser = torch.optim.AdamW(network.mapping.parameters(), lr=3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        lessons.loss(network.mapping).backward()
        optimiser.step()

    assert lessons.loss(network.mapping).item() < before - 0.1


def test_colours_are_those_of_the_mapping_where_tone_is_even(
    network: Triplet, lessons: ToneLessons
) -> None:
    with torch.no_grad():
        network.mapping.tone.everywhere.bias.normal_(0, 0.2)
        network.mapping.leave.bias.zero_()
        old = lessons.old.float()
        expected = _as_the_mapping_does(network, old, lessons)
        square = ((expected - lessons.colour).square() * lessons.sound).sum(dim=(1, 2))
        square /= 3 * lessons.sound.sum(dim=(1, 2))
        wanted = torch.log10(square + CERTAIN).mean()
        chosen = torch.arange(128) % len(old)  # every sample, as often as the others or once more
        found = _with_choice(lessons, network, chosen)

    assert found == pytest.approx(wanted.item(), abs=0.05)


def _as_the_mapping_does(network: Triplet, old: Tensor, lessons: ToneLessons) -> Tensor:
    mapping = network.mapping
    latent = old[..., None]
    steer = torch.zeros(len(old), mapping.context.WIDTH)
    fine = torch.zeros(len(old), mapping.leave.in_channels, *latent.shape[2:])
    moved = (mapping.straight(latent) + mapping.tone(latent, fine, steer))[..., 0]
    return lessons.read @ moved + lessons.offset[:, None]


def _with_choice(lessons: ToneLessons, network: Triplet, chosen: Tensor) -> float:
    original = torch.randint
    torch.randint = lambda *_, **__: chosen  # type: ignore[assignment]
    try:
        return lessons.loss(network.mapping).item()
    finally:
        torch.randint = original
