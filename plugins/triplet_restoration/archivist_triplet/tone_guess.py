"""What tone a picture had, guessed from the distribution of its colours.

The mapping tells tone from means of its latent, and learns it beside everything else. This small
network does nothing else, sees ten times as many pictures in a hundredth of the time, and errs in
other pictures; the tone of the result is agreed between the two (see :func:`agreed`). Light that is
uneven stays the mapping's business: a guess is one change of colours for the whole picture.

Colours are float32 (batch, 3, positions), values -1..1, of a picture reduced to SIDE x SIDE
positions, whatever its size: noise, blur and compression are not seen, and a result in tiles equals
the whole. ``sound`` (batch, positions) is True where a position is hardly damaged.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 64
MOST_DAMAGED = 0.25
"""Share of a position that may be damaged; the damage itself was filled smoothly."""
LEVELS = 25
VIEWS = 7
"""Red, green, blue, lightness, and how far red, green and blue lie from lightness."""
FACTS = VIEWS * (LEVELS + 2)
"""Numbers that describe a picture: LEVELS quantiles, mean and spread of each view."""
LUMA = (0.299, 0.587, 0.114)
TERMS = 6
"""A channel becomes a sum of the three channels, one, its own square and its own cube."""
SHARE = 0.75
"""How far the result's tone goes from the mapping's to the guessed. On 144 aged photographs the
gain was 2.55 dB at 0, 2.87 at 0.5, 2.98 at 0.75 and at 1."""
FAINT = 0.02
"""Directions of colour in which a picture varies less (of -1..1) keep their contrast: what little
there is may be noise."""
MEMBERS = 2
"""Networks whose mean is the guess: each has learnt a few hundred photographs a little too well,
and in its own way."""


class ToneGuess(nn.Module):
    """From facts about colours to how each channel must change."""

    centre: Tensor
    spread: Tensor

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(FACTS))
        self.register_buffer("spread", torch.ones(FACTS))
        self.members = nn.ModuleList(_member(width) for _ in range(MEMBERS))

    def forward(self, facts: Tensor, colours: Tensor) -> Tensor:
        """Return the colours as they were, -1..1, of pictures with these ``facts`` (batch, FACTS).

        Without training they stay as they are. The members' mean answers; in training each member
        is dealt pictures of its own, as cards are.
        """
        known = (facts - self.centre) / self.spread
        answers = torch.stack([member(known) for member in self.members])
        if self.training:
            dealt = torch.arange(len(known), device=known.device)
            amounts = answers[dealt % MEMBERS, dealt]
        else:
            amounts = answers.mean(dim=0)
        amounts = amounts.unflatten(1, (3, TERMS))
        mixed, constant, square, cube = amounts.split((3, 1, 1, 1), dim=2)
        bent = square * colours.square() + cube * colours.pow(3)
        return (colours + mixed @ colours + constant + bent).clamp(-1, 1)


def _member(width: int) -> nn.Sequential:
    """Return a network that at first says that nothing must change."""
    last = nn.Linear(width, 3 * TERMS)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(FACTS, width),
        nn.ReLU(inplace=True),
        nn.Linear(width, width),
        nn.ReLU(inplace=True),
        last,
    )


def reduced_colours(filled: Tensor, damage: Tensor) -> tuple[Tensor, Tensor]:
    """Return the colours and what is sound of pictures (batch, 3, height, width), -1..1.

    Damaged pixels, where ``damage`` (batch, 1, height, width) is 1, have been filled smoothly. A
    picture that is damaged everywhere counts as sound.
    """
    colours = functional.adaptive_avg_pool2d(filled.float(), SIDE).flatten(2)
    sound = functional.adaptive_avg_pool2d(damage.float(), SIDE).flatten(1) <= MOST_DAMAGED
    return colours, sound | ~sound.any(dim=1, keepdim=True)


def facts_of(colours: Tensor, sound: Tensor) -> Tensor:
    """Return facts (batch, FACTS) about the sound positions of reduced colours."""
    lightness = (colours * colours.new_tensor(LUMA)[:, None]).sum(dim=1, keepdim=True)
    views = torch.cat([colours, lightness, colours - lightness], dim=1)
    views = views.masked_fill(~sound[:, None], torch.nan)
    levels = torch.linspace(0.005, 0.995, LEVELS, device=colours.device)
    quantiles = torch.nanquantile(views, levels, dim=2).permute(1, 2, 0)
    mean = views.nanmean(dim=2, keepdim=True)
    spread = (views - mean).square().nanmean(dim=2, keepdim=True).sqrt()
    return torch.cat([quantiles, mean, spread], dim=2).flatten(1)


def agreed(guess: ToneGuess, filled: Tensor, damage: Tensor, restored: Tensor) -> Tensor:
    """Return a restored picture in the tone between its own and the guessed.

    ``filled`` is the scan (1, 3, height, width), -1..1, with ``damage`` (1, 1, height, width)
    filled; ``restored`` (height, width, 3), 0..1, is moved by one affine map of its colours:
    towards the one that brings them nearest to the guess.
    """
    device = guess.centre.device
    colours, sound = (part.to(device) for part in reduced_colours(filled, damage))
    wanted = guess(facts_of(colours, sound), colours)[0, :, sound[0]]
    had = functional.adaptive_avg_pool2d(restored.permute(2, 0, 1), SIDE).flatten(1)
    matrix, offset = _nearest(had.to(device)[:, sound[0]] * 2 - 1, wanted)
    change = SHARE * (matrix - torch.eye(3, device=device))
    # The map is of colours -1..1, which are twice those of 0..1, minus one.
    shift = (SHARE * offset - change.sum(dim=1)) / 2
    flat = restored.reshape(-1, 3)
    moved = torch.addmm(shift.to(flat.device), flat, change.T.to(flat.device))
    return moved.add_(flat).clamp_(0, 1).view_as(restored)


def _nearest(had: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Return matrix (3, 3) and offset (3,) that bring colours (3, positions) to the wanted ones.

    Least squares, drawn to the matrix that changes nothing by FAINT.
    """
    before, after = had.mean(dim=1), wanted.mean(dim=1)
    apart, missing = had - before[:, None], wanted - had - (after - before)[:, None]
    varied = apart @ apart.T / apart.shape[1] + FAINT**2 * torch.eye(3, device=had.device)
    moved = torch.linalg.solve(varied, apart @ missing.T / apart.shape[1]).T
    matrix = moved + torch.eye(3, device=had.device)
    return matrix, after - matrix @ before
