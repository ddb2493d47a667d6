"""What finding and refining faces costs; imports nothing heavy."""

from __future__ import annotations

import dataclasses

from archivist.api import Cost
from archivist_faces.params import DetectParams, RefineParams
from archivist_faces.plugin import DETECT, REFINE

FINEST_SHARE = 200
"""No face smaller than this part of the longer side is looked for."""
PAPER_MIB, PAPER_SECONDS = 1400.0, 40.0
"""Of the paper's generator: its weights and a face of 256 px; of 512 px four times the time."""
FACES = 2
"""Faces on a photograph that a plan reckons with."""


def detect_cost(width: int, height: int, params: DetectParams) -> Cost:
    """Return the cost of looking for faces on a picture of this size with these params.

    Time grows with the inverse square of the smallest face.
    """
    smallest = max(params.smallest, max(width, height) / FINEST_SHARE)
    share = (DetectParams().smallest / smallest) ** 2
    turned = 3.0 if params.turned == "always" else 1.0
    return dataclasses.replace(
        DETECT.cost,
        seconds=DETECT.cost.seconds * turned,
        seconds_per_mp=DETECT.cost.seconds_per_mp * share,
    )


def refine_cost(width: int, height: int, params: RefineParams) -> Cost:
    """Return the cost of refining the faces of a picture of this size with these params."""
    if params.network == "compact":
        return REFINE.cost
    larger = 4.0 if params.network == "paper_512" else 1.0
    return dataclasses.replace(
        REFINE.cost,
        ram_mib=PAPER_MIB * (1 + larger) / 2,
        vram_mib=PAPER_MIB * (1 + larger) / 2,
        seconds=PAPER_SECONDS * FACES * larger,
    )
