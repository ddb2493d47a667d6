"""Views of several sizes colour a photograph together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archivist_colorization.compact.automatic import automatic
from archivist_colorization.compact.decoder import STRIDE, Guess
from archivist_colorization.compact.framing import laid, reduced
from archivist_colorization.compact.network import Answer

AREA = 288**2
Colour = Callable[[int], tuple[float, float]]
"""The colour of a whole view, by its padded height in pixels."""


class OneColour(nn.Module):
    """Sees a colour for each size of a view."""

    def __init__(self, colour: Colour) -> None:
        super().__init__()
        self.anything = nn.Parameter(torch.zeros(1))
        self.colour, self.looks = colour, 0

    def encoder(self, light: Tensor) -> list[Tensor]:
        self.looks += 1
        return [light]

    def forward(self, maps: list[Tensor]) -> Answer:
        height, width = (side // STRIDE for side in maps[0].shape[2:])
        colour = torch.tensor(self.colour(maps[0].shape[2])).view(1, 2, 1, 1)
        guess = Guess(colour.expand(1, 2, height, width), torch.zeros(1, 1, height, width))
        return Answer(guess, guess)

    def calibrated(self, guess: Guess, row: int) -> Guess:
        return guess


def coloured(network: OneColour, shape: tuple[int, int]) -> Tensor:
    light = np.tile(np.linspace(0, 255, shape[1]).astype(np.uint8), (shape[0], 1))
    with torch.inference_mode():
        known = network(network.encoder(laid(network, reduced(light, AREA)))).alone
        network.looks = 0
        return automatic(network, light, AREA, known).colour


def test_what_all_views_show_keeps_its_colour() -> None:
    network = OneColour(lambda height: (12.0, -5.0))
    found = coloured(network, (400, 600))
    assert network.looks == 5  # three views, one of them known; each mirrored as well
    assert found[0, 0].numpy() == pytest.approx(12.0, rel=1e-3)
    assert found[0, 1].numpy() == pytest.approx(-5.0, rel=1e-3)


def test_where_views_differ_colour_pales() -> None:
    def colour(height: int) -> tuple[float, float]:
        return (12.0, 0.0) if height == 256 else (0.0, 12.0) if height < 256 else (0.0, -12.0)

    found = coloured(OneColour(colour), (400, 600))
    assert 0 < found[0, 0].max() < 4 * 0.2  # the mean is 4
    assert found[0, 1].abs().max() < 1e-3


def test_a_photograph_too_small_for_other_views_is_looked_at_once() -> None:
    network = OneColour(lambda height: (12.0, 0.0))
    coloured(network, (100, 150))
    assert network.looks == 1
