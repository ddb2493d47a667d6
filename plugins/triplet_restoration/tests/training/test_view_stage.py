"""The view learns what tone a finished mapping leaves wrong, and moves nothing else."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from archivist_torch.device import Compute
from archivist_triplet.compact import STRIDE, Triplet, fill_smoothly
from archivist_triplet.training.mapping_stage import begun
from archivist_triplet.training.source import Source
from archivist_triplet.training.vae_stage import Pair
from archivist_triplet.training.validation import Validation
from archivist_triplet.training.view_stage import APART, ViewTask, only_view, optimiser

COUNT = 20


@pytest.fixture
def network(source: Source) -> Triplet:
    """Return a mapping of random auto-encoders, whose maps of tone move colours by much."""
    torch.manual_seed(4)
    made = begun(Pair(latent=16), source.samples(source.batch(range(8))).truth).eval()
    torch.nn.init.normal_(made.mapping.tone.maps.weight, 0, 0.2)
    return made


@pytest.fixture
def task(network: Triplet, source: Source, validation: Validation, cpu: Compute) -> ViewTask:
    return ViewTask(network, source, validation, cpu, COUNT)


def test_the_loss_falls_with_learning_and_only_the_view_learns(
    network: Triplet, task: ViewTask
) -> None:
    everything = task.batch(range(COUNT))
    before = {name: w.clone() for name, w in network.state_dict().items()}
    first = task.loss(network, everything).item()
    moving = optimiser(only_view(network))
    for _ in range(40):
        moving.zero_grad()
        task.loss(network, everything).backward()
        moving.step()

    after = network.state_dict()
    assert task.loss(network, everything).item() < first - 0.1
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("mapping.view.") for name in changed)


def test_what_is_remembered_is_what_the_networks_make(
    network: Triplet, task: ViewTask, source: Source
) -> None:
    samples = source.samples(source.batch(range(4)))
    with torch.inference_mode():
        made = network(fill_smoothly(samples.aged, samples.observed), samples.observed)
    wanted = functional.avg_pool2d(made, STRIDE)[..., 1::APART, 1::APART].flatten(2)

    assert torch.allclose(task.known[3][:4].float(), wanted, atol=0.01)


def test_every_sample_comes_once_before_any_comes_again(task: ViewTask) -> None:
    first, second = (task.batch(range(begin, begin + COUNT))[0].tolist() for begin in (0, COUNT))

    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert first != second
