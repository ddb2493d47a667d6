"""What restoration costs, by network; imports nothing heavy."""

from __future__ import annotations

import dataclasses

from archivist.api import Cost
from archivist_triplet.params import RestoreParams
from archivist_triplet.plugin import RESTORE

PAPER_SECONDS_PER_MP = {"paper_quality": 86.0, "paper_scratch": 197.0, "paper_hr": 170.0}
"""CPU seconds of one core, from measurements at 512 x 512; the compact networks need about 6. The
attention of the scratch network grows with the square of the area, so this is least for it."""
PAPER_MIB = 650.0
"""Weights and torch."""
PAPER_MIB_PER_MP = {"paper_quality": 300.0, "paper_scratch": 420.0, "paper_hr": 300.0}
"""The widest features of the mapping, 512 channels at a sixteenth of the pixels, two or three."""


def restore_cost(width: int, height: int, params: RestoreParams) -> Cost:
    """Return the cost of restoring a picture of this size with these params."""
    if params.network == "compact":
        return RESTORE.cost
    return dataclasses.replace(
        RESTORE.cost,
        ram_mib=PAPER_MIB,
        ram_mib_per_mp=PAPER_MIB_PER_MP[params.network],
        vram_mib=PAPER_MIB,
        vram_mib_per_mp=PAPER_MIB_PER_MP[params.network],
        seconds_per_mp=PAPER_SECONDS_PER_MP[params.network],
    )
