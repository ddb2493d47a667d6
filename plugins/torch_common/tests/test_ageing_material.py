"""Textures and tints are those of the prints they were measured on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from archivist_torch.ageing import AgeingMaterial
from archivist_torch.ageing.material import SIDE, residue, tint
from archivist_torch.ageing.texture import UNIT
from archivist_torch.seeding import generator


def striped_print() -> NDArray[np.uint8]:
    """Return an even print whose grain is drawn out along x."""
    noise = generator("print").standard_normal((140, 160)).astype(np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), sigmaX=4, sigmaY=0.6)
    pixels = 150 + 4 * grain / grain.std()
    return np.rint(np.repeat(pixels[..., None], 3, axis=2) + np.array([20, 0, -30])).astype(
        np.uint8
    )


def likeness(tile: torch.Tensor, along: int) -> float:
    field = tile.float()
    return float((field * field.roll(3, along)).mean() / field.square().mean())


def test_a_texture_keeps_the_direction_of_the_print_it_is_measured_on() -> None:
    tile = AgeingMaterial.from_prints([striped_print()]).paper[0]

    assert likeness(tile, 1) > 0.4
    assert abs(likeness(tile, 0)) < 0.2


def test_tiles_are_periodic_and_of_one_contrast() -> None:
    made = AgeingMaterial.from_prints([striped_print()])

    for tiles in (made.white, made.grain, made.paper):
        assert tiles.dtype is torch.int8
        assert tiles.shape[1:] == (SIDE, SIDE)
        assert (tiles.float().std((1, 2)) / UNIT).tolist() == pytest.approx(
            [1.0] * len(tiles), abs=0.02
        )
    grain = made.grain[-1].float()  # the border is no step
    step = (grain[:, 0] - grain[:, -1]).square().mean()
    assert step < 1.5 * (grain[:, 1] - grain[:, 0]).square().mean()


def test_the_tint_of_a_print_is_what_it_adds_to_grey() -> None:
    grey = np.linspace(40, 200, 64).astype(np.float32)
    pixels = np.repeat(np.tile(grey, (64, 1))[..., None], 3, axis=2) + np.array([10, 0, -20])

    found = tint(pixels.astype(np.uint8))

    assert found[:, 0] - found[:, 2] == pytest.approx([30 / 255] * 3, abs=0.01)


def test_a_print_without_a_smooth_part_gives_no_texture() -> None:
    rough = generator("rough").integers(0, 256, (30, 30, 3)).astype(np.uint8)
    rough = cv2.resize(rough, (200, 200), interpolation=cv2.INTER_NEAREST)

    assert residue(rough) is None
    assert torch.equal(AgeingMaterial.from_prints([rough]).paper, AgeingMaterial.procedural().paper)


def test_a_print_smaller_than_a_patch_is_no_error() -> None:
    assert residue(np.full((20, 300), 128, np.uint8)) is None


def test_without_prints_material_is_procedural() -> None:
    bare, made = AgeingMaterial.from_prints([]), AgeingMaterial.procedural()

    assert torch.equal(bare.tints, made.tints)
    assert torch.equal(bare.paper, made.paper)


def test_material_moves_with_all_its_tensors() -> None:
    moved = AgeingMaterial.procedural().to("meta")

    assert {t.device.type for t in (moved.white, moved.grain, moved.paper, moved.tints)} == {"meta"}
