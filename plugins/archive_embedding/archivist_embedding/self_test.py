"""Prove an installation in a second: a picture is found by a faded, reduced copy of itself."""

from __future__ import annotations

import cv2
import numpy as np

from archivist.api import Colour, Embedding, Image, PluginError, StepContext
from archivist_embedding.compute import run
from archivist_embedding.params import EmbeddingParams
from archivist_embedding.regions import Pixels


def compute(ctx: StepContext) -> None:
    """Compare a drawn picture, a worse copy, and another. Raises PluginError when that fails."""
    one, other = drawn(20.0), drawn(7.0)
    copy = cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) * 0.5 + 0.3
    first, again, different = (_vector(pixels, ctx) for pixels in (one, copy, other))
    if first @ again < 0.8 or first @ again < first @ different + 0.1:
        raise PluginError(
            "embedding",
            f"a copy of a drawn picture is {first @ again:.2f} similar, "
            f"another picture {first @ different:.2f}; reinstall it",
        )


def drawn(period: float, height: int = 160, width: int = 192) -> Pixels:
    """Return a grey picture (height, width) of rings and a slanted edge."""
    y, x = np.mgrid[:height, :width]
    rings = 0.25 * np.sin(np.hypot(x - width / 3, y - height / 2) / period)
    return np.asarray(0.5 + rings + 0.2 * (x + 2 * y > width), np.float32)


def _vector(pixels: Pixels, ctx: StepContext) -> Pixels:
    image = Image(pixels=np.ascontiguousarray(pixels[..., None]), colour=Colour.GREY)
    embedding = run({"image": image}, EmbeddingParams(), ctx)["embedding"]
    assert isinstance(embedding, Embedding)
    return np.asarray(embedding.vectors[0], np.float32)
