"""The step ``example.stretch``; imported in a worker, when the first photograph is at hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.api import Image, Scores, StepContext, Value, Verdict
from archivist_example_contrast.plugin import StretchParams

FLAT = 1 / 255
"""A range narrower than one step of 8 bits is an even surface: there is nothing to stretch."""


def applies(inputs: Mapping[str, Any], params: StretchParams, ctx: StepContext) -> Verdict:
    """Say that the step is needed where the values span too little of the range."""
    low, high = limits(inputs["image"].pixels, params.clip)
    span = high - low
    reason = f"spans {span:.0%} of the range, faded is below {params.faded_below:.0%}"
    needed = FLAT <= span < params.faded_below
    return Verdict(needed=needed, reason=reason, scores={"span": span})


def run(inputs: Mapping[str, Any], params: StretchParams, ctx: StepContext) -> Mapping[str, Value]:
    """Map the range that the values span to 0..1.

    All channels get the same mapping, so that no colour is shifted.
    """
    image: Image = inputs["image"]
    low, high = limits(image.pixels, params.clip)
    scores = Scores({"low": low, "high": high})
    if high - low < FLAT:
        return {"image": image, "range": scores}
    stretched = np.clip((image.pixels - low) / (high - low), 0, 1)
    pixels = image.pixels + np.float32(params.strength) * (stretched - image.pixels)
    return {"image": image.with_pixels(pixels.astype(np.float32)), "range": scores}


def limits(pixels: NDArray[np.float32], clip: float) -> tuple[float, float]:
    """Return the values below and above which ``clip`` percent of the samples lie."""
    low, high = np.percentile(pixels, [clip, 100 - clip])
    return float(low), float(high)
