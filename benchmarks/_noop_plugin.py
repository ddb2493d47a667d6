"""A plugin of three steps that do nothing, put on the path for this process and its workers."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CODE = """
from archivist.api import Kind, Port, StepSpec, Tiling, TilingMode, hookimpl

IMAGE = Port(name="image", kind=Kind.IMAGE)
TILED = Tiling(mode=TilingMode.TILED, size=1024, overlap=16)


def spec(verb, run="nothing", **more):
    return StepSpec(id=f"noop.{verb}", version=1, title=verb, run=f"noop_steps:{run}",
                    inputs=[IMAGE], outputs=[IMAGE], **more)


SPECS = [spec("one"), spec("two"), spec("three"), spec("smooth", run="smooth", tiling=TILED)]


@hookimpl
def archivist_steps():
    return SPECS


def nothing(inputs, params, ctx):
    return {"image": inputs["image"]}


def smooth(inputs, params, ctx):
    import cv2

    image = inputs["image"]
    out = cv2.GaussianBlur(image.pixels, (9, 9), 1.5)
    return {"image": image.with_pixels(out.reshape(image.pixels.shape))}
"""
_METADATA = "Metadata-Version: 2.1\nName: noop-steps\nVersion: 1.0\n"


@contextmanager
def noop_plugin() -> Iterator[None]:
    """Make `noop.one`, `noop.two`, `noop.three` and the tiled `noop.smooth` available."""
    with tempfile.TemporaryDirectory() as folder:
        info = Path(folder) / "noop_steps-1.0.dist-info"
        info.mkdir()
        (Path(folder) / "noop_steps.py").write_text(_CODE)
        (info / "METADATA").write_text(_METADATA)
        (info / "entry_points.txt").write_text("[archivist]\nnoop = noop_steps\n")
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, before]))
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            sys.path.remove(folder)
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before
