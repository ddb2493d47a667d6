"""A folder of small pictures to train on, and what stages need."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from archivist_torch.ageing import AgeingSettings
from archivist_torch.device import Compute
from archivist_triplet.samples import Material
from archivist_triplet.training.source import Source
from archivist_triplet.training.validation import Validation

SIDE = 80


@pytest.fixture
def cpu() -> Compute:
    """Return float32 on the CPU."""
    return Compute(torch.device("cpu"), torch.float32, "test")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with four photographs and four prints, half of each held out."""
    rng = np.random.default_rng(5)
    for folder, tint in (("photos", (1.0, 1.0, 1.0)), ("historic-prints", (0.5, 0.7, 0.9))):
        (tmp_path / "data" / folder).mkdir(parents=True)
        lines = ["file\tsplit"]
        for number, split in enumerate(("train", "train", "val", "val")):
            coarse = rng.integers(0, 256, (5, 6, 3)).astype(np.float32)
            pixels = cv2.resize(coarse, (SIDE + 16, SIDE)) * np.array(tint, np.float32)
            name = f"{number}.png"
            cv2.imwrite(str(tmp_path / "data" / folder / name), pixels.astype(np.uint8))
            lines.append(f"{name}\t{split}")
        (tmp_path / "data" / folder / "MANIFEST.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


@pytest.fixture
def source(data: Path) -> Source:
    """Return the training samples of the folder, 32 px, aged in the worker."""
    return Source(
        material=Material.read(data, "train"),
        seed=1,
        size=32,
        settings=AgeingSettings(),
        prints=True,
        early=True,
    )


@pytest.fixture
def validation(data: Path, cpu: Compute, tmp_path: Path) -> Validation:
    """Return the held-out pictures of the folder at 64 px."""
    return Validation(Material.read(data, "val"), cpu, tmp_path, side=64)
