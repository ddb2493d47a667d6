"""Prove an installation in a few seconds: a drawn scratch is found, and filled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archivist.api import Colour, Image, Mask, PluginError, StepContext
from archivist_scratch import detect as detection
from archivist_scratch import repair as repairing
from archivist_scratch.params import DetectParams, RepairParams


def scratched(height: int = 160, width: int = 192) -> tuple[Image, NDArray[np.bool_]]:
    """Return a grey gradient with a bright slanted scratch of 3 px, and where the scratch is."""
    y, x = np.mgrid[:height, :width]
    scratch = np.abs(x - width / 3 - y / 4) < 1.5
    pixels = np.where(scratch, 0.95, 0.25 + 0.3 * y / height).astype(np.float32)
    return Image(pixels=pixels[..., None], colour=Colour.GREY), scratch


def detect(ctx: StepContext) -> None:
    """Find the scratch. Raises PluginError when less than half of it is found."""
    image, scratch = scratched()
    found = detection.run({"image": image}, DetectParams(), ctx)["mask"]
    assert isinstance(found, Mask)
    share = float(found.pixels[scratch].mean())
    if share < 0.5:
        raise PluginError("scratch", f"only {share:.0%} of a drawn scratch was found; reinstall it")


def repair(ctx: StepContext) -> None:
    """Fill the scratch. Raises PluginError when it can still be seen."""
    image, scratch = scratched()
    out = repairing.run({"image": image, "mask": Mask(pixels=scratch)}, RepairParams(), ctx)
    mended = out["image"]
    assert isinstance(mended, Image)
    brightest = float(mended.pixels.max())
    if brightest > 0.6:
        raise PluginError("scratch", f"a filled scratch is still {brightest:.2f} bright; reinstall")
