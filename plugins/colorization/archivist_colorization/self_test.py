"""Prove an installation in a few seconds: a grey picture is coloured, its lightness kept."""

from __future__ import annotations

import cv2
import numpy as np

from archivist.api import Colour, Image, PluginError, Reference, References, StepContext
from archivist.api import TransferMap as Map
from archivist_colorization import colorize as step
from archivist_colorization.lightness import lightness_of
from archivist_colorization.params import ColorizeParams

SIDE = 160


def colorize(ctx: StepContext) -> None:
    """Colour the lightness of a picture with the picture itself as exemplar.

    Raises PluginError when lightness changed, or when the colour is not the exemplar's.
    """
    # No two places alike, or they would lend each other their colours.
    noise = np.random.default_rng(3).standard_normal((2, SIDE, SIDE))
    coarse, fine = (cv2.GaussianBlur(x, (0, 0), s) * s for x, s in zip(noise, (9, 3), strict=True))
    light = 0.5 + 0.2 * coarse + 0.1 * fine
    left = np.arange(SIDE) < SIDE / 2
    tint = np.where(left, 1.0, -1.0)[None, :, None] * np.array([0.15, 0.0, -0.15])
    whole = Image(
        pixels=np.clip(light[..., None] + tint, 0, 1).astype(np.float32), colour=Colour.RGB
    )
    grey = lightness_of(step.at_depth(whole))
    image = Image(pixels=grey[..., None].astype(np.float32) / 255, colour=Colour.GREY)
    itself = Reference(
        asset="self-test",
        region=(0, 0, SIDE, SIDE),
        score=1.0,
        reason="the picture itself",
        read=lambda longest=0: whole,
    )
    given = References(references=(itself,), snapshot="self-test")
    out = step.run({"image": image, "exemplars": given}, ColorizeParams(confidence=0), ctx)
    assert not isinstance(out, step.Verdict)
    made, sources = out["image"], out["exemplar_map"]
    assert isinstance(made, Image)
    assert isinstance(sources, Map)
    if not np.array_equal(lightness_of(step.at_depth(made)), grey):
        raise PluginError("color", "colour changed the lightness; reinstall the plugin")
    if not (sources.source == 0).mean() > 0.5:
        raise PluginError("color", "a picture finds no colour in itself; reinstall the plugin")
