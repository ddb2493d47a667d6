"""Prove an installation in a few seconds: a drawn face is found, and refined without harm."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.api import Colour, Face, Faces, Image, PluginError, StepContext, Verdict
from archivist_faces import finding, refining
from archivist_faces.params import DetectParams, RefineParams

SIDE, RADIUS = 160, 40


def drawn(side: int = SIDE, radius: int = RADIUS) -> NDArray[np.uint8]:
    """Return a drawn portrait (side, side): ellipses that a detector takes for a face."""
    canvas = np.full((side, side), 120, np.uint8)

    def spot(x: float, y: float, half: tuple[float, float], tone: int) -> None:
        middle = round(side / 2 + x * radius), round(side / 2 + y * radius)
        axes = round(half[0] * radius), round(half[1] * radius)
        cv2.ellipse(canvas, middle, axes, 0, 0, 360, tone, -1, cv2.LINE_AA)

    spot(0, 1.6, (1.3, 0.7), 70)  # shoulders
    spot(0, -0.25, (0.95, 1.1), 45)  # hair
    spot(0, 0.05, (0.75, 1), 205)
    for eye in (-0.32, 0.32):
        spot(eye, -0.27, (0.22, 0.05), 70)  # brow
        spot(eye, -0.12, (0.2, 0.1), 150)
        spot(eye, -0.12, (0.16, 0.075), 240)
        spot(eye, -0.12, (0.075, 0.075), 30)
        spot(eye * 0.28, 0.33, (0.05, 0.04), 100)  # nostril
    spot(0, 0.2, (0.08, 0.2), 190)  # nose
    spot(0, 0.58, (0.26, 0.09), 110)  # mouth
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 1.3))


def photograph() -> Image:
    """Return the drawn portrait as a grey photograph."""
    return Image(pixels=(drawn() / np.float32(255))[..., None], colour=Colour.GREY)


def detect(ctx: StepContext) -> None:
    """Find the drawn face. Raises PluginError when there is not exactly one."""
    found = finding.run({"image": photograph()}, DetectParams(), ctx)["faces"]
    assert isinstance(found, Faces)
    if len(found.faces) != 1:
        raise PluginError("faces", f"{len(found.faces)} faces found for one; reinstall the plugin")


def refine(ctx: StepContext) -> None:
    """Refine the drawn face under noise.

    Raises PluginError when nothing changes, or something far from the face does.
    """
    image, faces = worn()
    params = RefineParams(least_change=0, identity_limit=2)
    out = refining.run({"image": image, "faces": faces}, params, ctx)
    if isinstance(out, Verdict):
        raise PluginError("faces", f"{out.reason}; reinstall the plugin")
    result = out["image"]
    assert isinstance(result, Image)
    changed = np.abs(result.pixels - image.pixels).max(axis=2)
    if not np.isfinite(result.pixels).all() or changed[:8].any():
        raise PluginError("faces", "pixels far from the face were changed; reinstall the plugin")


def worn(noise: float = 0.08) -> tuple[Image, Faces]:
    """Return the drawn portrait with noise, and where its face is."""
    rng = np.random.default_rng(7)
    pixels = photograph().pixels + rng.normal(0, noise, (SIDE, SIDE, 1)).astype(np.float32)
    marks = ((67, 75), (93, 75), (80, 91), (71, 103), (89, 103))
    landmarks = tuple((float(x), float(y)) for x, y in marks)
    face = Face(box=(52.0, 46.0, 56.0, 72.0), landmarks=landmarks, score=0.99)
    image = Image(pixels=np.clip(pixels, 0, 1).astype(np.float32), colour=Colour.GREY)
    return image, Faces((face,))
