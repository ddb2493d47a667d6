"""Bring the released checkpoint of the paper's detector into the form that archivist loads."""

from __future__ import annotations

from pathlib import Path

from archivist_scratch.network import Paper
from archivist_torch.weights import convert

MEMBER = "detection/FT_Epoch_latest.pt"


def import_paper(source: Path, destination: Path) -> None:
    """Convert ``FT_Epoch_latest.pt``, or the archive ``global_checkpoints.zip`` that holds it.

    Raises ValueError (with the names) when its entries are not those of the paper's network.
    """
    convert(source, destination, Paper(), MEMBER)
