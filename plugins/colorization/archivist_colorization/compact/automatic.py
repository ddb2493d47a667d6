"""Automatic colour: what a photograph's views say together.

Each view is the photograph at another size, as it is and mirrored. Where the network knows what it
sees, all views show the same colour. Where they differ it guesses, and what it would paint there is
a cloud of colour that belongs to nothing in the picture: the mean of the views is paled.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from archivist_colorization.compact.decoder import STRIDE, Guess
from archivist_colorization.compact.framing import Floats, laid, reduced
from archivist_colorization.compact.network import ALONE, Compact
from archivist_colorization.lightness import Pixels

OTHER_VIEWS = (0.72, 1.33)
"""Sides of the other views, as parts of those at working size."""
DISSENT = 1.0
"""How much the squared differences of views count against the square of their mean. At 0 `val`
photographs come 0.2 % nearer to the truth, and pictures unlike them keep clouds of colour."""
AROUND = 5
"""Side of the windows in which views are compared, in places of the result."""


def automatic(network: Compact, light: Pixels, area: float, known: Guess) -> Guess:
    """Return the automatic colour of a lightness (h, w; uint8 or uint16).

    ``known`` is the guess for the view of this ``area``, padded; the result is as large.
    """
    small = reduced(light, area)
    rows, columns = (side // STRIDE for side in small.shape)
    said = [_both_ways(network, small, known)]
    for part in OTHER_VIEWS:
        view = reduced(light, area * part**2)
        if view.shape == small.shape:  # the photograph is too small for a view of its own
            continue
        guess = network(network.encoder(laid(network, view))).alone
        other = _both_ways(network, view, guess)
        cut = [side // STRIDE for side in view.shape]
        said.append(
            Guess(
                *(
                    _fitted(x[..., : cut[0], : cut[1]], (rows, columns), known.colour)
                    for x in (other.colour, other.scale)
                )
            )
        )
    return _agreed(said)


def _both_ways(network: Compact, light: Floats, guess: Guess) -> Guess:
    """Return the mean of a guess and of that for the mirrored view, as it is to be taken."""
    mirrored = network(network.encoder(laid(network, light).flip(3))).alone
    mean = Guess(
        (guess.colour + mirrored.colour.flip(3)) / 2, (guess.scale + mirrored.scale.flip(3)) / 2
    )
    return network.calibrated(mean, ALONE)


def _fitted(planes: Tensor, size: tuple[int, int], like: Tensor) -> Tensor:
    """Return the planes of a view at the size of another, padded as that is."""
    sized = functional.interpolate(planes, size=size, mode="bilinear")
    below, right = (whole - side for whole, side in zip(like.shape[2:], size, strict=True))
    return functional.pad(sized, (0, right, 0, below), mode="replicate")


def _agreed(said: list[Guess]) -> Guess:
    """Return the mean of guesses, paled where they differ."""
    colours = torch.stack([guess.colour for guess in said])
    scale = torch.stack([guess.scale for guess in said]).mean(0)
    mean = colours.mean(0)
    differ = _around((colours - mean).square().sum(2, keepdim=True).mean(0))
    strong = _around(mean.square().sum(1, keepdim=True))
    return Guess(mean * (strong / (strong + DISSENT * differ).clamp(min=1e-6)), scale)


def _around(plane: Tensor) -> Tensor:
    return functional.avg_pool2d(plane, AROUND, 1, AROUND // 2, count_include_pad=False)
