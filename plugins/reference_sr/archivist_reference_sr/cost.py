"""What enlarging costs, by network; imports nothing heavy."""

from __future__ import annotations

import dataclasses

from archivist.api import Cost
from archivist_reference_sr.params import UpscaleParams
from archivist_reference_sr.plugin import UPSCALE

PAPER_MIB, PAPER_MIB_PER_MP = 1200.0, 4000.0
"""Weights, the largest window of the main network, and features kept between its passes."""
PAPER_SECONDS_PER_MP = 900.0
"""CPU seconds of one core: 18 for 160 x 160 with a reference of 640 x 640, matching included."""
FAST_SHARE = 0.5
"""What fast matching needs of the time of exact matching, the network included."""

LENT_SHARE = 0.2
"""Share of an archive that is expected to find a reference, where nothing else is enlarged. In most
archives it is less; so much time is planned for."""


def upscale_cost(width: int, height: int, params: UpscaleParams) -> Cost:
    """Return the cost of enlarging a picture of this size with these params.

    Matching grows with the picture times the reference; the figures hold for a reference four
    times as large along a side, up to the limit beyond which both are reduced.
    """
    cost = UPSCALE.cost
    if params.network == "paper":
        cost = dataclasses.replace(
            cost,
            ram_mib=PAPER_MIB,
            ram_mib_per_mp=PAPER_MIB_PER_MP,
            vram_mib=PAPER_MIB,
            vram_mib_per_mp=PAPER_MIB_PER_MP,
            seconds_per_mp=PAPER_SECONDS_PER_MP,
        )
    share = FAST_SHARE if params.matching == "fast" else 1.0
    expected = LENT_SHARE if params.without_references == "skip" else 1.0
    return dataclasses.replace(
        cost,
        seconds=cost.seconds * expected,
        seconds_per_mp=cost.seconds_per_mp * share * expected,
    )
