"""Muon moves convolutions by orthogonal steps; the rest is AdamW's."""

from __future__ import annotations

import torch
from torch import nn

from archivist_torch.optimisers import Muon, optimisers, orthogonal


def test_an_orthogonal_step_moves_all_directions_about_equally() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(8, 4, 3, 3)

    singular = torch.linalg.svdvals(orthogonal(matrix, iterations=6).reshape(8, -1))

    assert singular.min() > 0.6
    assert singular.max() < 1.3


def test_every_weight_has_one_optimiser_and_logits_are_left_to_adam() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 3))

    muon, adam = optimisers(network, rate=1e-3, matrix_rate=0.02)

    assert isinstance(muon, Muon)
    assert [p.shape for p in muon.param_groups[0]["params"]] == [network[0].weight.shape]
    assert len(adam.param_groups[0]["params"]) == 5


def test_without_a_matrix_rate_all_is_left_to_adam() -> None:
    (adam,) = optimisers(nn.Linear(2, 2), rate=1e-3, matrix_rate=0)

    assert isinstance(adam, torch.optim.AdamW)


def test_muon_finds_a_minimum() -> None:
    torch.manual_seed(0)
    weight, goal = nn.Parameter(torch.randn(4, 4)), torch.randn(4, 4)
    muon = Muon([weight], lr=0.05)

    for step in range(200):
        muon.param_groups[0]["lr"] = 0.05 * (1 - step / 200)
        muon.zero_grad()
        (weight - goal).square().sum().backward()
        muon.step()

    assert (weight - goal).abs().max() < 0.1
