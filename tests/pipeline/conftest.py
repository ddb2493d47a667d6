"""Runs of the whole pipeline over a small tree of scans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from archivist.config import RecipeSettings, Settings, load
from archivist.pipeline import Job, run
from archivist.step import session as sessions


def read(path: Path) -> np.ndarray:
    if path.suffix == ".tif":
        return tifffile.imread(path)
    with PillowImage.open(path) as image:
        return np.array(image)


class Bench:
    """Runs recipes over the scans and looks at what came out."""

    def __init__(self, scans: Path, out: Path) -> None:
        self.scans, self.out = scans, out
        self.steps: list[dict] = [{"use": "sample.spot"}, {"use": "sample.fill"}]
        self.settings: Settings = load()
        self.options: dict = {"scheduler": "serial"}

    def job(self, **options) -> Job:
        recipes = {"test": RecipeSettings(steps=tuple(self.steps))}
        return Job(
            scans=self.scans,
            out=self.out,
            settings=replace(self.settings, recipes=recipes),
            recipe="test",
            **(self.options | options),
        )

    def run(self, **options):
        sessions.session.cache_clear()
        return run(self.job(**options))

    def pixels(self, name: str) -> np.ndarray:
        return read(self.out / name)

    def source(self, name: str) -> np.ndarray:
        return read(self.scans / name)

    def outputs(self) -> set[str]:
        files = (p.relative_to(self.out) for p in self.out.rglob("*") if p.is_file())
        return {p.as_posix() for p in files if p.parts[0] != ".archivist"}


@pytest.fixture
def bench(sample_plugin, scans, tmp_path) -> Bench:
    return Bench(scans, tmp_path / "out")
