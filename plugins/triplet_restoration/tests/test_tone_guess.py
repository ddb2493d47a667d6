"""The guess of tone looks at colours alone, and the result's tone is agreed with it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from archivist_triplet.compact import fill_smoothly
from archivist_triplet.tone_guess import (
    FACTS,
    SHARE,
    ToneGuess,
    agreed,
    facts_of,
    reduced_colours,
)


def photograph(height: int = 192, width: int = 256) -> Tensor:
    """Return soft random shapes (1, 3, height, width), -1..1, in which all colours differ."""
    torch.manual_seed(7)
    coarse = torch.rand(1, 3, 6, 8) * 1.6 - 0.8
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(-1, 1)


def nothing(picture: Tensor) -> Tensor:
    return torch.zeros_like(picture[:, :1])


def rows(picture: Tensor) -> Tensor:
    """Return a picture as the networks' results come: (height, width, 3), 0..1."""
    return ((picture[0].permute(1, 2, 0) + 1) / 2).contiguous()


def facts(picture: Tensor, damage: Tensor) -> Tensor:
    return facts_of(*reduced_colours(fill_smoothly(picture, damage), damage))


def brighter_guess(by: float) -> ToneGuess:
    """Return a guess that every picture was brighter by so much of -1..1."""
    guess = ToneGuess()
    with torch.no_grad():
        for member in guess.members:
            member[-1].bias.view(3, -1)[:, 3] = by
    return guess


def test_facts_are_those_of_the_photograph_at_any_size() -> None:
    small, large = photograph(), photograph(1000, 1333)

    assert facts(small, nothing(small)).shape == (1, FACTS)
    assert torch.allclose(facts(small, nothing(small)), facts(large, nothing(large)), atol=0.03)


def test_members_that_contradict_each_other_change_nothing() -> None:
    picture, guess = photograph(), ToneGuess().eval()
    with torch.no_grad():
        for member, by in zip(guess.members, (0.2, -0.2), strict=True):
            member[-1].bias.view(3, -1)[:, 3] = by
    colours = picture.flatten(2)

    assert torch.allclose(guess(facts(picture, nothing(picture)), colours), colours, atol=1e-6)


def test_damage_tells_nothing_of_tone() -> None:
    picture = photograph()
    damaged, damage = picture.clone(), nothing(picture)
    damage[..., 40:90, 30:110] = 1
    damaged[..., 40:90, 30:110] = -1

    with_damage = facts(damaged, damage)
    unaware = facts(damaged, nothing(picture))
    whole = facts(picture, nothing(picture))

    assert (with_damage - whole).abs().max() < 0.15
    assert (unaware - whole).abs().max() > 0.4


def test_a_picture_that_is_damaged_everywhere_still_has_facts() -> None:
    picture = photograph()

    assert facts(picture, torch.ones_like(nothing(picture))).isfinite().all()


def test_the_result_goes_its_share_of_the_way_to_the_guess() -> None:
    scan = photograph()
    restored = rows(scan * 0.5)  # the mapping's opinion: less contrast

    result = agreed(brighter_guess(0.2), scan, nothing(scan), restored)

    wanted = rows((scan + 0.2).clamp(-1, 1))
    expected = restored + SHARE * (wanted - restored)
    assert (result - expected).abs().mean() < 0.01


def test_an_opinion_that_is_shared_changes_nothing() -> None:
    scan = photograph()

    result = agreed(ToneGuess(), scan, nothing(scan), rows(scan))

    assert (result - rows(scan)).abs().max() < 1e-4


@pytest.mark.parametrize("level", [-1.0, 0.1, 1.0])
def test_noise_in_a_picture_of_one_tone_is_not_blown_up(level: float) -> None:
    torch.manual_seed(0)
    scan = torch.full((1, 3, 90, 70), level)
    restored = (rows(scan) + 0.004 * torch.randn(90, 70, 3)).clamp(0, 1)

    result = agreed(brighter_guess(-0.1), scan, nothing(scan), restored)

    assert result.isfinite().all()
    assert result.std() < 1.2 * restored.std() + 1e-3


def test_the_smallest_picture_has_a_tone() -> None:
    scan = torch.full((1, 3, 1, 1), 0.2)

    result = agreed(brighter_guess(0.4), scan, nothing(scan), rows(scan))

    assert result.shape == (1, 1, 3)
    assert torch.allclose(result, torch.full((1, 1, 3), 0.6 + SHARE * 0.2), atol=1e-3)
