"""An archive in which photographs lend their colours, and steps that borrow them, find faces and
redraw them: what the plugins for colour and faces do, in a few lines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.catalog import queries
from archivist.catalog.session import open_catalog
from archivist.cli.main import invoke
from archivist.config import RecipeSettings, Settings, StoreSettings, load
from archivist.pipeline import Job, plan, run
from archivist.pipeline.flow import RunResult
from archivist.step import session as sessions

PLUGIN = '''
"""Steps for tests: describe, find a face, redraw it, and colour with what exemplars lend."""
import cv2
import numpy as np

from archivist.api import *
from archivist.api.values import Face

IMAGE = Port(name="image", kind=Kind.IMAGE)
FACES = Port(name="faces", kind=Kind.FACES)
EXEMPLARS = Port(name="exemplars", kind=Kind.REFERENCES, required=False)


def spec(verb, **more):
    return StepSpec(id=f"hue.{verb}", version=1, run=f"hue_steps:{verb}", inputs=more.pop(
        "inputs", [IMAGE]), **more)


@hookimpl
def archivist_steps():
    return [
        spec("embed", title="Describe", outputs=[Port(name="embedding", kind=Kind.EMBEDDING)]),
        spec("detect", title="Find faces", outputs=[FACES]),
        spec("refine", title="Redraw faces", inputs=[IMAGE, FACES], conjectural=True,
             outputs=[IMAGE, Port(name="change", kind=Kind.PROBABILITY)]),
        spec("colour", title="Colour", inputs=[IMAGE, EXEMPLARS], conjectural=True,
             applies="hue_steps:is_grey", outputs=[
                 IMAGE, Port(name="confidence", kind=Kind.PROBABILITY),
                 Port(name="exemplar_map", kind=Kind.TRANSFER_MAP)]),
    ]


def embed(inputs, params, ctx):
    image = inputs["image"]
    blocks = cv2.resize(image.pixels.mean(axis=2), (8, 8), interpolation=cv2.INTER_AREA)
    vector = (blocks - blocks.mean()).reshape(1, 64).astype(np.float32)
    vector /= np.linalg.norm(vector)
    # A part that is more like others than the whole: all parts have one vector.
    whole, part = (0, 0, image.width, image.height), (0, 0, image.width // 2, image.height)
    return {"embedding": Embedding(vectors=np.concatenate([vector, vector]),
                                   regions=(part, whole), model="blocks")}


def detect(inputs, params, ctx):
    image = inputs["image"]
    x, y, side = image.width * 0.1, image.height * 0.2, image.height * 0.4
    spots = tuple((x + side * u, y + side * v) for u, v in
                  ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)))
    return {"faces": Faces((Face(box=(x, y, side, side), landmarks=spots, score=0.9),))}


def refine(inputs, params, ctx):
    image = inputs["image"]
    pixels, change = image.pixels.copy(), np.zeros(image.pixels.shape[:2], np.float32)
    for face in inputs["faces"].faces:
        x, y, width, height = map(int, face.box)
        part = pixels[y : y + height, x : x + width]
        pixels[y : y + height, x : x + width] = np.clip(part * 0.8 + 0.1, 0, 1)
        change[y : y + height, x : x + width] = 0.5
    return {"image": image.with_pixels(pixels), "change": Probability(pixels=change)}


def is_grey(inputs, params, ctx):
    pixels = inputs["image"].pixels
    grey = bool(np.ptp(pixels, axis=2).max() < 0.02)
    return Verdict(needed=grey, reason="" if grey else "the photograph is in colour")


def colour(inputs, params, ctx):
    """Left half from the first exemplar, right half of its own, where it is light."""
    image, found = inputs["image"], inputs.get("exemplars")
    light = image.pixels.mean(axis=2)
    pixels = np.stack([light, light * 0.85, light * 0.6], axis=2)
    rows, columns = -(-image.height // 4), -(-image.width // 4)
    source = np.full((rows, columns), -1, np.int32)
    assets = ()
    if found is not None:
        first = found.references[0]
        lent = cv2.resize(first.read().pixels, (image.width, image.height))
        half = image.width // 2
        pixels[:, :half] = lent[:, :half] / np.maximum(lent[:, :half].max(axis=2), 0.1)[
            :, :, None] * light[:, :half, None]
        source[:, : half // 4] = 0
        assets = (first.asset,)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.int32) * 4 + 2
    confidence = np.where(source >= 0, 0.9, 0.2).astype(np.float32)
    wide = cv2.resize(confidence, (image.width, image.height), interpolation=cv2.INTER_NEAREST)
    return {
        "image": Image(pixels=np.ascontiguousarray(pixels, np.float32).clip(0, 1),
                       colour=Colour.RGB, depth=image.depth, icc=image.icc),
        "confidence": Probability(pixels=wide),
        "exemplar_map": TransferMap(source=source, position=np.stack([x, y], axis=2),
                                    similarity=confidence, assets=assets, stride=4),
    }
'''
METADATA = "Metadata-Version: 2.1\nName: hue-steps\nVersion: 1.0\n"
STEPS = (
    {"use": "hue.embed"},
    {"use": "hue.detect"},
    {"use": "hue.refine"},
    {"use": "references.choose"},
    {"use": "exemplars.choose"},
    {"use": "hue.colour"},
)


def things(seed: int) -> np.ndarray:
    """Return 240 x 320 grey pixels full of corners."""
    draw = np.random.default_rng(seed)
    whole = np.full((960, 1280), 90, np.uint8)
    for _ in range(160):
        x, y = (int(draw.integers(0, side)) for side in (1280, 960))
        across, down = (int(side) for side in draw.integers(40, 200, 2))
        level = int(draw.integers(20, 235))
        cv2.rectangle(whole, (x, y), (x + across, y + down), level, -1)
    return np.asarray(cv2.resize(whole, (320, 240), interpolation=cv2.INTER_AREA), np.uint8)


def painted(grey: np.ndarray) -> np.ndarray:
    """Return a grey picture in colour: fields of many hues, as light as it was."""
    hues = np.random.default_rng(5).uniform(-50, 50, (6, 8, 2)).astype(np.float32)
    fields = cv2.resize(hues, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
    light = 10 + grey.astype(np.float32)[:, :, None] / 255 * 80
    rgb = cv2.cvtColor(np.concatenate([light, fields], axis=2), cv2.COLOR_Lab2RGB)
    return np.asarray(np.rint(rgb.clip(0, 1) * 255), np.uint8)


@dataclass
class Archive:
    """Runs a recipe over the scans and asks what became of them."""

    scans: Path
    out: Path
    steps: tuple[dict[str, object], ...] = STEPS
    settings: Settings = field(
        default_factory=lambda: replace(
            load(), store=StoreSettings(keep=("image", "mask", "probability", "transfer_map"))
        )
    )

    def save(self, name: str, pixels: np.ndarray) -> None:
        """Write a scan."""
        PillowImage.fromarray(pixels).save(self.scans / name)

    def job(self, **options: object) -> Job:
        """Return the job of a run."""
        recipes = {"test": RecipeSettings(steps=self.steps)}
        settings = replace(self.settings, recipes=recipes)
        return Job(
            scans=self.scans,
            out=self.out,
            settings=settings,
            recipe="test",
            **({"scheduler": "serial"} | options),
        )

    def run(self, **options: object) -> RunResult:
        """Carry the recipe out."""
        sessions.session.cache_clear()
        return run(self.job(**options))

    def told(self) -> dict[tuple[str, str, str], int]:
        """Return what a plan says: step, action, reason -> how often."""
        return {
            (line.step, str(line.action), line.reason): line.count
            for line in plan(self.job()).lines
        }

    def records(self, step: str) -> dict[str, object]:
        """Return the newest record of a step for each scan, by its path."""
        with open_catalog(self.job().url, write=False) as catalog:
            found = [one for one in queries.all_records(catalog) if one.step == step]
            names = queries.paths_of(catalog, {one.asset for one in found})
            return {names[one.asset][0]: one for one in found if one.asset in names}

    def names(self, digests: set[str]) -> set[str]:
        """Return the paths of scans."""
        with open_catalog(self.job().url, write=False) as catalog:
            return {paths[0] for paths in queries.paths_of(catalog, digests).values()}

    def command(self, *words: str, capsys: pytest.CaptureFixture[str]) -> str:
        """Run a command of archivist and return what it says."""
        assert invoke([*words, "--out", str(self.out)]) == 0
        return capsys.readouterr().out

    def lines(self, *words: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
        """Run a command with ``--json`` and return its lines."""
        told = self.command(*words, "--json", capsys=capsys)
        return [json.loads(line) for line in told.splitlines()]


@pytest.fixture
def archive(
    sample_plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Archive]:
    """A grey print, the same picture in colour and toned, and another one in colour."""
    info = sample_plugin / "hue_steps-1.0.dist-info"
    info.mkdir()
    (sample_plugin / "hue_steps.py").write_text(PLUGIN)
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text("[archivist]\nhue = hue_steps\n")
    scans = tmp_path / "photographs"
    scans.mkdir()
    here = Archive(scans, tmp_path / "restored")
    harbour = things(1)
    here.save("grey.png", harbour)
    here.save("colour.png", painted(harbour))
    here.save("toned.png", (harbour[:, :, None] * np.array([1.0, 0.86, 0.66])).astype(np.uint8))
    here.save("street.png", painted(things(2)))
    yield here
    sys.modules.pop("hue_steps", None)
