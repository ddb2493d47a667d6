"""Validation measures what it says, on pictures that never change."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import pytest
import torch

from archivist_torch.device import Compute
from archivist_triplet.compact import Triplet
from archivist_triplet.samples import Album, Material
from archivist_triplet.training.sheets import write_sheet
from archivist_triplet.training.validation import Validation, psnr, squares


def test_psnr_is_of_luma_between_16_and_235() -> None:
    grey, lighter = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 10.0)

    expected = 20 * math.log10(255 / (10 * 219 / 255))
    assert psnr(grey, lighter).item() == pytest.approx(expected, abs=1e-3)


def test_psnr_inside_a_mask_sees_nothing_else() -> None:
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 0] = True
    truth, made = torch.zeros(2, 1, 3, 8, 8)
    made[..., 1:] = 200

    assert psnr(made, truth, mask).item() == 100


def test_validation_pictures_are_the_same_every_time(
    data: Path, cpu: Compute, tmp_path: Path
) -> None:
    first, second = (
        Validation(Material.read(data, "val"), cpu, tmp_path, side=64) for _ in range(2)
    )

    assert torch.equal(first.aged, second.aged)
    assert torch.equal(first.observed, second.observed)


def test_the_score_is_the_gain_over_the_input(validation: Validation) -> None:
    torch.manual_seed(0)
    figures = validation.of_triplet(Triplet(latent=16, widths=(16, 24, 24)).eval())

    assert figures["score"] == pytest.approx(figures["after"] - figures["before"], abs=1e-3)
    assert figures["worst"] <= figures["score"]


def test_every_validation_leaves_a_sheet(validation: Validation, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Triplet(latent=16, widths=(16, 24, 24)).eval()

    validation.of_triplet(network)
    validation.of_triplet(network)

    sheets = sorted((tmp_path / "sheets").iterdir())
    assert [sheet.name for sheet in sheets] == ["001.png", "002.png"]
    assert cv2.imread(str(sheets[0])).shape == (2 * 64, 5 * 64, 3)


def test_a_small_picture_is_enlarged_to_the_square() -> None:
    picture = torch.full((20, 30, 3), 77, dtype=torch.uint8)
    album = Album(picture.flatten(), (0,), ((20, 30),))

    assert torch.equal(squares(album, 3, 64), torch.full((1, 3, 64, 64), 77, dtype=torch.uint8))


def test_a_sheet_without_a_picture_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"name it \.png"):
        write_sheet([[torch.zeros(3, 2, 2, dtype=torch.uint8)]], tmp_path / "sheet")
