"""Prove an installation in a few seconds: a picture is enlarged, and borrows where it should."""

from __future__ import annotations

import numpy as np

from archivist.api import Colour, Image, PluginError, Reference, References, StepContext
from archivist.api import TransferMap as Map
from archivist_reference_sr import upscale as step
from archivist_reference_sr.params import UpscaleParams

SIDE = 160


def upscale(ctx: StepContext) -> None:
    """Enlarge a reduced picture with the picture itself as reference.

    Raises PluginError when the result is not as large as it should be, or nothing was borrowed.
    """
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    waves = 0.5 + 0.2 * np.sin(x / 5 + y / 9) + 0.2 * np.sin(y / 4 - x / 11)
    whole = Image(pixels=waves[..., None].astype(np.float32), colour=Colour.GREY)
    blocks = whole.pixels.reshape(SIDE // 4, 4, SIDE // 4, 4, 1)
    small = whole.with_pixels(np.ascontiguousarray(blocks.mean(axis=(1, 3)), np.float32))
    itself = Reference(
        asset="self-test",
        region=(0, 0, SIDE, SIDE),
        score=1.0,
        reason="the picture itself",
        read=lambda longest=0: whole,
    )
    given = References(references=(itself,), snapshot="self-test")
    out = step.run({"image": small, "references": given}, UpscaleParams(), ctx)
    made, borrowed = out["image"], out["transfer_map"]
    assert isinstance(made, Image)
    assert isinstance(borrowed, Map)
    if made.pixels.shape != whole.pixels.shape or not np.isfinite(made.pixels).all():
        raise PluginError("ttsr", "the enlarged picture is not as it should be; reinstall")
    if not (borrowed.source == 0).mean() > 0.5:
        raise PluginError("ttsr", "a picture finds nothing in itself; reinstall the plugin")
