"""Runs of the whole pipeline over a small tree of scans."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from archivist.config import RecipeSettings, Settings, load
from archivist.pipeline import Job, run
from archivist.step import session as sessions

UNSTEADY = '''
"""Steps for tests of replays."""
import os
from dataclasses import dataclass

from archivist.api import *

IMAGE = Port(name="image", kind=Kind.IMAGE)
VERSION = int(os.environ.get("UNSTEADY_VERSION", "1"))
NET = Weight(name="unsteady-net", licence="CC0-1.0", source="our own", importer="unsteady:bring")


@dataclass(frozen=True)
class Params:
    amount: float = param(0.5, doc="Factor.", low=0.0, high=1.0)


def spec(verb, **more):
    return StepSpec(id=f"unsteady.{verb}", version=VERSION, title=verb, run=f"unsteady:{verb}",
                    inputs=[IMAGE], outputs=[IMAGE], **more)


@hookimpl
def archivist_steps():
    return [
        spec("near", determinism=Determinism.TOLERANCE, tolerance=0.02, params=Params),
        spec("exact", params=Params),
        spec("bound", determinism=Determinism.DEVICE),
        spec("learned", weights=[NET]),
        spec("parallel", determinism=Determinism.DEVICE),
    ]


def near(inputs, params, ctx):
    image = inputs["image"]
    pixels = image.pixels * params.amount
    pixels[:4, :4] += float(os.environ.get("UNSTEADY_NOISE", "0"))
    return {"image": image.with_pixels(pixels)}


def exact(inputs, params, ctx):
    return near(inputs, params, ctx)


def bound(inputs, params, ctx):
    return {"image": inputs["image"].with_pixels(inputs["image"].pixels * 0.75)}


def parallel(inputs, params, ctx):
    return {"image": inputs["image"].with_pixels(inputs["image"].pixels / ctx.threads)}


def learned(inputs, params, ctx):
    shade = ctx.weights("unsteady-net").read_bytes()[0] / 255
    return {"image": inputs["image"].with_pixels(inputs["image"].pixels * shade)}


def bring(source, destination):
    destination.write_bytes(source.read_bytes())
'''
UNSTEADY_METADATA = "Metadata-Version: 2.1\nName: unsteady-steps\nVersion: 1.0\n"


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


@pytest.fixture
def unsteady_plugin(sample_plugin):
    """Install a plugin whose steps come out otherwise when the environment says so."""
    info = sample_plugin / "unsteady_steps-1.0.dist-info"
    info.mkdir()
    (sample_plugin / "unsteady.py").write_text(UNSTEADY)
    (info / "METADATA").write_text(UNSTEADY_METADATA)
    (info / "entry_points.txt").write_text("[archivist]\nunsteady = unsteady\n")
    yield sample_plugin
    sys.modules.pop("unsteady", None)
