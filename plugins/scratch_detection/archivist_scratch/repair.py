"""The step ``scratch.repair``: fill damaged pixels from what surrounds them.

Only masked pixels change, bit for bit. Each patch of damage is cut out with a margin and filled by
itself, so that the cost follows the damage and not the size of the scan. OpenCV fills one channel
of float32 at a time, which keeps 16 bits of precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.api import Image, Mask, StepContext, Value, Verdict
from archivist_scratch.params import RepairParams
from archivist_scratch.width import grow

Box = tuple[slice, slice]

WHITE = np.float32(65535)
"""OpenCV's Telea adds up to two units of rounding to each pixel, whatever the type: so white must
be a large number. At 65535 the error is 0.003 %, at 1 it would be the whole range."""
METHODS = {"telea": cv2.INPAINT_TELEA, "navier_stokes": cv2.INPAINT_NS}


def applies(inputs: Mapping[str, Value], params: RepairParams, ctx: StepContext) -> Verdict:
    """Say that an empty mask needs no repair."""
    mask = _mask(inputs)
    needed, share = bool(mask.any()), float(mask.mean())
    reason = f"{share:.2%} of the pixels are damaged"
    if not needed:
        reason = "nothing to repair: the mask is empty"
    return Verdict(needed=needed, reason=reason, scores={"damaged_share": share})


def run(inputs: Mapping[str, Value], params: RepairParams, ctx: StepContext) -> Mapping[str, Value]:
    """Return the image with its masked pixels filled."""
    image = inputs["image"]
    assert isinstance(image, Image)
    mask = _mask(inputs)
    return {"image": image.with_pixels(fill(image.pixels, mask, params, ctx))}


def fill(
    pixels: NDArray[np.float32], mask: NDArray[np.bool_], params: RepairParams, ctx: StepContext
) -> NDArray[np.float32]:
    """Return pixels (height, width, channels) with those under the mask filled.

    A wholly masked picture has nothing to fill from and comes back as it is.
    """
    filled = pixels.copy()
    if mask.all():
        ctx.log.warning("the whole picture is masked; nothing to fill it from")
        return filled
    for box in patches(mask, margin=round(params.radius) + 2):
        ctx.check_cancelled()
        inside = np.ascontiguousarray(mask[box])
        for channel in range(pixels.shape[2]):
            patch = pixels[(*box, channel)] * WHITE
            patch = cv2.inpaint(patch, inside.view(np.uint8), params.radius, METHODS[params.method])
            filled[(*box, channel)][inside] = np.clip(patch[inside] / WHITE, 0, 1)
    return filled


def patches(mask: NDArray[np.bool_], margin: int) -> Iterator[Box]:
    """Yield boxes around groups of masked pixels that lie further apart than ``margin``.

    Each box has a margin of sound pixels where the picture has any. Boxes may overlap, but each
    masked pixel is in the box of its own group with all that lies near it.
    """
    near = grow(mask, margin).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    for left, top, width, height, _ in stats[1:count].tolist():
        yield slice(top, top + height), slice(left, left + width)


def _mask(inputs: Mapping[str, Value]) -> NDArray[np.bool_]:
    mask = inputs["mask"]
    assert isinstance(mask, Mask)
    return mask.pixels
