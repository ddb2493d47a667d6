"""A folder of drawn portraits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist_faces.training import portraits

Draw = Callable[[NDArray[np.uint8], tuple[int, int], int], None]


@pytest.fixture(autouse=True)
def easily_pleased(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take drawn faces for portraits: the detector is less sure of them."""
    monkeypatch.setattr(portraits, "SURE", 0.6)
    monkeypatch.setattr(portraits, "LEAST_SHARPNESS", 0.0)


@pytest.fixture
def data(tmp_path: Path, draw: Draw) -> Path:
    """Return a folder with two portraits to train on, two held out, and a picture of no face."""
    folder = tmp_path / "data" / "faces"
    folder.mkdir(parents=True)
    for number in range(4):
        canvas = np.full((200, 200), 110 + 10 * number, np.uint8)
        draw(canvas, (100, 90), 46 + 2 * number)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.GaussianBlur(canvas, (0, 0), 1.2))
    cv2.imwrite(str(folder / "none.png"), np.full((200, 200), 90, np.uint8))
    splits = ("train", "train", "val", "val", "train")
    names = [*(f"{n}.png" for n in range(4)), "none.png"]
    listed = "".join(f"{n}\t{split}\n" for n, split in zip(names, splits, strict=True))
    (folder / "MANIFEST.tsv").write_text("file\tsplit\n" + listed)
    return tmp_path / "data"
