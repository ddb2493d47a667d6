"""Losses and discriminators measure what they say."""

from __future__ import annotations

import pytest
import torch

from archivist_triplet.training.discriminators import (
    PatchGan,
    feature_matching,
    taken_for,
    telling_apart,
)
from archivist_triplet.training.fits import affine_fit
from archivist_triplet.training.objectives import charbonnier, heavier, in_decades, latent_size
from archivist_triplet.training.terms import Terms


def test_charbonnier_is_the_distance_of_pixels_far_apart() -> None:
    assert charbonnier(torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)).item() == pytest.approx(1)


def test_damaged_pixels_weigh_as_much_as_asked() -> None:
    mask = torch.zeros(1, 1, 2, 2)
    mask[..., 0, 0] = 1
    wrong_in_hole, wrong_outside = torch.zeros(2, 1, 3, 2, 2)
    wrong_in_hole[..., 0, 0], wrong_outside[..., 1, 1] = 1, 1
    losses = [
        charbonnier(made, torch.zeros(1, 3, 2, 2), heavier(mask, 3.0))
        for made in (wrong_in_hole, wrong_outside)
    ]

    assert losses[0] / losses[1] == pytest.approx(3, rel=0.02)


def test_the_size_of_a_latent_is_half_its_mean_square() -> None:
    assert latent_size(torch.full((2, 4, 3, 3), 2.0)).item() == 2


def test_a_tenth_of_an_error_is_one_decade_whatever_the_others_are() -> None:
    errors = torch.tensor([0.1, 0.001])
    better = torch.tensor([0.1, 0.0001])

    assert (in_decades(errors, 0.0) - in_decades(better, 0.0)).item() == pytest.approx(0.5)


def test_below_the_floor_little_is_gained() -> None:
    errors = torch.tensor([[1e-6], [1e-7]])

    assert in_decades(errors[0], 1e-3) - in_decades(errors[1], 1e-3) < 1e-3


def test_feature_matching_sends_no_gradient_to_the_real() -> None:
    made, real = torch.zeros(2, requires_grad=True), torch.ones(2, requires_grad=True)

    feature_matching([made], [real]).backward()

    assert made.grad is not None
    assert real.grad is None


def test_a_discriminator_learns_to_tell_bright_from_dark() -> None:
    torch.manual_seed(0)
    judge = PatchGan(3, (8, 8, 8))
    optimiser = torch.optim.Adam(judge.parameters(), lr=0.01)
    bright, dark = torch.ones(2, 3, 32, 32), -torch.ones(2, 3, 32, 32)
    for _ in range(40):
        optimiser.zero_grad()
        telling_apart(judge, bright, dark).backward()
        optimiser.step()

    assert taken_for(judge(dark)[0], 1) < 0.1 < taken_for(judge(bright)[0], 1)


def test_terms_are_weighted_and_their_means_told_once() -> None:
    terms = Terms({"a": 2.0, "b": 0.5})

    total = terms.total({"a": torch.tensor(1.0), "b": torch.tensor(4.0)})
    terms.total({"a": torch.tensor(3.0), "b": torch.tensor(0.0)})

    assert total.item() == 4.0
    assert terms.means() == {"loss_a": 2.0, "loss_b": 2.0}
    assert terms.means() == {}


def test_a_term_without_a_weight_is_an_error() -> None:
    with pytest.raises(KeyError, match="c"):
        Terms({"a": 1.0}).total({"c": torch.tensor(1.0)})


def test_an_affine_map_is_found_again() -> None:
    torch.manual_seed(0)
    inputs, weight, bias = torch.randn(50, 4), torch.randn(3, 4), torch.randn(3)

    found, offset = affine_fit(inputs, inputs @ weight.T + bias)

    assert torch.allclose(found, weight, atol=1e-4)
    assert torch.allclose(offset, bias, atol=1e-4)


def test_too_few_rows_for_a_fit_give_a_small_map() -> None:
    found, _ = affine_fit(torch.ones(2, 8), torch.ones(2, 1))

    assert found.abs().max() < 1
