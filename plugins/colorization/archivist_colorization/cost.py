"""What colour costs, by network; imports nothing heavy."""

from __future__ import annotations

import dataclasses

from archivist.api import Cost
from archivist_colorization.params import ColorizeParams
from archivist_colorization.plugin import COLORIZE

PAPER_MIB, PAPER_SECONDS = 1500.0, 12.0
"""Of the paper's networks at the size of the release: weights, maps, matches."""
USUAL = 288
"""Working size of these figures."""


def colorize_cost(width: int, height: int, params: ColorizeParams) -> Cost:
    """Return the cost of colouring a picture of this size with these params.

    The networks see a picture of the working size, whatever the scan's; what grows with the scan is
    joining colour and lightness.
    """
    cost, area = COLORIZE.cost, (params.working_size / USUAL) ** 2
    ram, seconds = cost.ram_mib, cost.seconds
    if params.network == "paper":
        ram, seconds = PAPER_MIB, PAPER_SECONDS
    return dataclasses.replace(cost, ram_mib=ram * max(1.0, area), seconds=seconds * area)
