"""Sheets of samples: what validation figures cannot say, for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
from torch import Tensor, cat

from archivist_torch.data import SUFFIXES


def write_sheet(rows: Sequence[Sequence[Tensor]], path: Path) -> None:
    """Write rows of byte pictures (3, side, side), all of one size, as one picture.

    Raises ValueError when the file cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path} is no picture; name it .png")
    joined = cat([cat(list(row), dim=2) for row in rows], dim=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = cv2.cvtColor(joined.permute(1, 2, 0).contiguous().cpu().numpy(), cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(path), pixels):
        raise ValueError(f"{path} cannot be written; is there space in its folder?")
