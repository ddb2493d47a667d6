"""Fixtures for tests of several stages: an installed plugin and a small tree of scans."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from archivist.step import session as sessions

PLUGIN = '''
"""Steps for tests: find light spots, fill them, shade; and some that misbehave."""
import ctypes
import os
import subprocess
from dataclasses import dataclass

from archivist.api import *


@dataclass(frozen=True)
class SpotParams:
    level: float = param(0.9, doc="Lighter pixels are spots.", low=0.0, high=1.0)


@dataclass(frozen=True)
class ShadeParams:
    amount: float = param(0.5, doc="Factor.", low=0.0, high=1.0)


IMAGE = Port(name="image", kind=Kind.IMAGE)
MASK = Port(name="mask", kind=Kind.MASK)
VERSION = int(os.environ.get("SAMPLE_VERSION", "1"))


def spec(verb, version=1, **more):
    run = f"sample_steps:{verb}"
    return StepSpec(id=f"sample.{verb}", version=version, title=verb, run=run, **more)


SPECS = [
    spec("spot", VERSION, params=SpotParams, inputs=[IMAGE],
         outputs=[MASK, Port(name="scores", kind=Kind.SCORES)]),
    spec("fill", inputs=[IMAGE, MASK], outputs=[IMAGE], applies="sample_steps:has_spots"),
    spec("shade", params=ShadeParams, inputs=[IMAGE], outputs=[IMAGE]),
    spec("smooth", inputs=[IMAGE], outputs=[IMAGE],
         tiling=Tiling(mode=TilingMode.TILED, size=128, overlap=8)),
    spec("fail", inputs=[IMAGE], outputs=[IMAGE]),
    spec("die", inputs=[IMAGE], outputs=[IMAGE]),
    spec("vandal", inputs=[IMAGE], outputs=[IMAGE]),
    spec("nan", inputs=[IMAGE], outputs=[IMAGE]),
    spec("black", inputs=[IMAGE], outputs=[IMAGE]),
    spec("crop", inputs=[IMAGE], outputs=[IMAGE]),
    spec("quit", inputs=[IMAGE], outputs=[IMAGE]),
    spec("talk", inputs=[IMAGE], outputs=[IMAGE]),
    spec("calm", inputs=[IMAGE, Port(name="before", kind=Kind.IMAGE, previous="image",
                                      required=False)], outputs=[IMAGE]),
    spec("colour", inputs=[IMAGE], outputs=[IMAGE], conjectural=True),
]


@hookimpl
def archivist_steps():
    return SPECS


def spot(inputs, params, ctx):
    mask = (inputs["image"].pixels > params.level).all(axis=2)
    return {"mask": Mask(pixels=mask), "scores": Scores({"share": float(mask.mean())})}


def has_spots(inputs, params, ctx):
    found = bool(inputs["mask"].pixels.any())
    return Verdict(needed=found, reason="" if found else "there is no spot")


def fill(inputs, params, ctx):
    image = inputs["image"]
    pixels = image.pixels.copy()
    pixels[inputs["mask"].pixels] = 0.25
    return {"image": image.with_pixels(pixels)}


def shade(inputs, params, ctx):
    image = inputs["image"]
    return {"image": image.with_pixels(image.pixels * params.amount)}


colour = shade_half = lambda inputs, params, ctx: {
    "image": inputs["image"].with_pixels(inputs["image"].pixels * 0.5)
}


def calm(inputs, params, ctx):
    image, before = inputs["image"], inputs.get("before")
    if before is None:
        return {"image": image}
    return {"image": image.with_pixels((image.pixels + before.pixels) / 2)}


def smooth(inputs, params, ctx):
    import cv2

    image = inputs["image"]
    out = cv2.GaussianBlur(image.pixels, (9, 9), 1.5)
    return {"image": image.with_pixels(out.reshape(image.pixels.shape))}


def fail(inputs, params, ctx):
    if inputs["image"].pixels.mean() > 0.5:
        raise IndexError("too bright for me")
    return {"image": inputs["image"]}


def die(inputs, params, ctx):
    if inputs["image"].pixels.mean() > 0.5:
        os._exit(7)
    return {"image": inputs["image"]}


def vandal(inputs, params, ctx):
    inputs["image"].pixels[0, 0] = 0
    return {"image": inputs["image"]}


def nan(inputs, params, ctx):
    return {"image": inputs["image"].with_pixels(inputs["image"].pixels * float("nan"))}


def crop(inputs, params, ctx):
    return {"image": inputs["image"].with_pixels(inputs["image"].pixels[:5])}


def quit(inputs, params, ctx):
    raise SystemExit(5)


def talk(inputs, params, ctx):
    print("a word of the plugin")
    subprocess.run(["echo", "a word of its child"], check=True)
    library = ctypes.CDLL(None)
    library.printf(b"a word of a library\\n")
    return {"image": inputs["image"]}


def black(inputs, params, ctx):
    return {"image": inputs["image"].with_pixels(inputs["image"].pixels * 0)}
'''
METADATA = "Metadata-Version: 2.1\nName: sample-steps\nVersion: 1.0\n"


@pytest.fixture
def sample_plugin(tmp_path, monkeypatch):
    """Install the plugin by putting its folder on the path of this process and its children."""
    home = tmp_path / "site"
    info = home / "sample_steps-1.0.dist-info"
    info.mkdir(parents=True)
    (home / "sample_steps.py").write_text(PLUGIN)
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text("[archivist]\nsample = sample_steps\n")
    monkeypatch.syspath_prepend(str(home))
    monkeypatch.setenv("PYTHONPATH", str(home), prepend=os.pathsep)
    yield home
    sys.modules.pop("sample_steps", None)
    sessions.session.cache_clear()


@pytest.fixture
def scans(tmp_path):
    """A small tree: two 8-bit PNGs, a 16-bit TIFF with a spot, a JPEG."""
    root = tmp_path / "scans"
    (root / "album").mkdir(parents=True)
    ramp = np.linspace(20, 120, 48, dtype=np.uint8)
    plain = np.tile(ramp, (32, 1))
    PillowImage.fromarray(plain).save(root / "plain.png")
    spotted = plain.copy()
    spotted[10:13, 10:13] = 250
    PillowImage.fromarray(np.dstack([spotted] * 3)).save(root / "album" / "spotted.png")
    deep = plain.astype(np.uint16) * 257 + 3
    deep[4:6, 4:6] = 65000
    tifffile.imwrite(root / "album" / "deep.tif", deep, photometric="minisblack")
    PillowImage.fromarray(plain).save(root / "photo.jpg", quality=95)
    return root
