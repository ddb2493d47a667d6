"""What detection costs, by network; imports nothing heavy."""

from __future__ import annotations

import dataclasses

from archivist.api import Cost
from archivist_scratch.params import DetectParams
from archivist_scratch.plugin import DETECT

PAPER_MIB, PAPER_MIB_PER_MP = 600.0, 2700.0
"""Memory of the paper's network: its weights, and its activations in a tile."""
PAPER_SECONDS_PER_MP = 55.0
"""Measured on one core of a server CPU at 1024 x 1024; the compact network needs under 1 s."""


def detect_cost(width: int, height: int, params: DetectParams) -> Cost:
    """Return the cost of detection with these params; octaves add up to a third."""
    if params.network == "compact" or params.scheme == "short_side_256":
        return DETECT.cost
    tile = min(width * height, DETECT.tiling.size**2) / 1e6
    memory = PAPER_MIB + PAPER_MIB_PER_MP * tile
    return dataclasses.replace(
        DETECT.cost, ram_mib=memory, vram_mib=memory, seconds_per_mp=PAPER_SECONDS_PER_MP
    )
