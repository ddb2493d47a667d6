"""Repair changes masked pixels and nothing else, at the precision of the scan."""

from __future__ import annotations

import numpy as np
import pytest

from archivist.api import Colour, Image, Mask
from archivist.testing import FakeContext, run_step
from archivist_scratch.params import RepairParams
from archivist_scratch.plugin import REPAIR
from archivist_scratch.repair import applies, patches


def ramp(channels: int) -> tuple[Image, np.ndarray]:
    """Return a 16-bit ramp with a scratch, and the ramp without it."""
    x = np.linspace(0.2, 0.8, 90, dtype=np.float32)
    clean = np.repeat(np.tile(x, (60, 1))[..., None], channels, axis=2)
    clean = (np.rint(clean * 65535) / 65535).astype(np.float32)
    pixels = clean.copy()
    pixels[scratch()] = 1.0
    colour = Colour.GREY if channels == 1 else Colour.RGB
    return Image(pixels=pixels, colour=colour, depth=16), clean


def scratch() -> np.ndarray:
    mask = np.zeros((60, 90), np.bool_)
    mask[10:50, 40:43] = True
    mask[5, 5] = True
    return mask


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("method", ["telea", "navier_stokes"])
def test_only_masked_pixels_change_and_16_bits_are_kept(method: str, channels: int) -> None:
    image, clean = ramp(channels)

    out = run_step(REPAIR, {"method": method}, image=image, mask=Mask(pixels=scratch()))["image"]

    assert np.array_equal(out.pixels[~scratch()], image.pixels[~scratch()])
    assert abs(out.pixels - clean).max() < 0.02
    inside = out.pixels[scratch()] * 255
    assert (abs(inside - np.rint(inside)) > 0.01).any()  # not rounded to 8 bits
    assert out.colour is image.colour
    assert out.depth == 16


def test_far_damage_is_filled_in_patches_of_its_own() -> None:
    boxes = list(patches(scratch(), margin=3))

    assert len(boxes) == 2
    assert sum((b[0].stop - b[0].start) * (b[1].stop - b[1].start) for b in boxes) < 600


def test_an_empty_mask_needs_no_repair() -> None:
    image, _ = ramp(1)
    mask = Mask(pixels=np.zeros((60, 90), np.bool_))

    verdict = applies({"image": image, "mask": mask}, RepairParams(), FakeContext(spec=REPAIR))

    assert not verdict.needed
    assert verdict.reason == "nothing to repair: the mask is empty"


def test_damage_needs_repair_and_its_share_is_told() -> None:
    image, _ = ramp(1)
    inputs = {"image": image, "mask": Mask(pixels=scratch())}

    verdict = applies(inputs, RepairParams(), FakeContext(spec=REPAIR))

    assert verdict.needed
    assert verdict.scores["damaged_share"] == pytest.approx(121 / 5400)


def test_a_wholly_masked_picture_comes_back_as_it_is() -> None:
    image, _ = ramp(3)
    mask = Mask(pixels=np.ones((60, 90), np.bool_))

    out = run_step(REPAIR, image=image, mask=mask)["image"]

    assert np.array_equal(out.pixels, image.pixels)
