"""Prove an installation in a few seconds: a faded gradient gains contrast, a hole is filled."""

from __future__ import annotations

import numpy as np

from archivist.api import Colour, Image, Mask, PluginError, StepContext
from archivist_triplet import restore as restoring
from archivist_triplet.params import RestoreParams


def faded(height: int = 160, width: int = 192) -> tuple[Image, Mask]:
    """Return a grey, faded picture of soft shapes with a white hole, and the hole's mask."""
    y, x = np.mgrid[:height, :width] / 24
    shapes = 0.45 + 0.15 * np.sin(x) * np.cos(y)
    hole = np.zeros((height, width), np.bool_)
    hole[60:76, 80:120] = True
    shapes[hole] = 1.0
    pixels = shapes[..., None].astype(np.float32)
    return Image(pixels=pixels, colour=Colour.GREY), Mask(pixels=hole)


def restore(ctx: StepContext) -> None:
    """Restore the picture. Raises PluginError when the hole stays, or pixels are not finite."""
    image, mask = faded()
    inputs = {"image": image, "mask": mask}
    restored = restoring.run(inputs, RestoreParams(scope="whole"), ctx)["image"]
    assert isinstance(restored, Image)
    if not np.isfinite(restored.pixels).all():
        raise PluginError("triplet", "restored pixels are not finite; reinstall the plugin")
    brightest = float(restored.pixels[mask.pixels].mean())
    if brightest > 0.9:
        raise PluginError("triplet", f"a filled hole is still {brightest:.2f} bright; reinstall")
