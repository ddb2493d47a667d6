"""Samples come from folders, follow their number, and can be looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from archivist_torch.seeding import generator
from archivist_triplet import samples
from archivist_triplet.samples import Material, clean_crop, print_crop


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of a few small photos, prints and overlays."""
    folder, rng = tmp_path_factory.mktemp("data"), generator("data")
    sides = {"photos": (90, 120), "historic-prints": (100, 80)}
    for name, (height, width) in sides.items():
        (folder / name).mkdir()
        for number in range(20):
            small = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
            cv2.imwrite(str(folder / name / f"{number}.png"), cv2.resize(small, (width, height)))
    (folder / "damage-overlays" / "hair").mkdir(parents=True)
    overlay = np.zeros((50, 50, 4), np.uint8)
    overlay[20:24] = 255
    for number in range(20):
        cv2.imwrite(str(folder / "damage-overlays" / "hair" / f"{number}.png"), overlay)
    return folder


@pytest.fixture(scope="module")
def material(data: Path) -> Material:
    return Material.read(data, "train")


def test_an_album_gives_every_picture_back(data: Path) -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    colour = generator("colour").integers(0, 256, (5, 2, 4)).astype(np.uint8)
    album = samples.Album.pack([samples.Picture("a", grey), samples.Picture("b", colour)])

    assert len(album) == 2
    assert torch.equal(album[0][..., 2], torch.from_numpy(grey))
    assert torch.equal(album[1], torch.from_numpy(colour[..., :3].copy()))


@pytest.mark.parametrize("crop", [clean_crop, print_crop])
@pytest.mark.parametrize("size", [16, 64, 200])
def test_a_crop_has_its_size_and_follows_its_number(
    material: Material, crop: object, size: int
) -> None:
    first, again, other = (crop(material, number, size) for number in (3, 3, 4))  # type: ignore[operator]

    assert first.shape == (3, size, size)
    assert first.dtype is torch.uint8
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_crops_of_another_seed_differ(material: Material) -> None:
    first, second = (clean_crop(material, 1, 32, seed=seed) for seed in (1, 2))

    assert not torch.equal(first, second)


def grey_share(crops: list[Tensor]) -> float:
    return float(np.mean([torch.equal(crop[0], crop[2]) for crop in crops]))


def test_some_clean_crops_are_grey(material: Material) -> None:
    assert 0.04 < grey_share([clean_crop(material, i, 16) for i in range(300)]) < 0.18


def test_training_and_validation_share_no_photo(data: Path, material: Material) -> None:
    val = Material.read(data, "val")

    pictures = {bytes(material.photos[i].numpy()) for i in range(len(material.photos))}
    assert not pictures & {bytes(val.photos[i].numpy()) for i in range(len(val.photos))}


def test_photos_alone_are_enough(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "photos", tmp_path / "photos")
    bare = Material.read(tmp_path, "train")

    assert bare.prints is None
    assert bare.ageing.overlays == {}
    with pytest.raises(ValueError, match="add a folder 'historic-prints'"):
        print_crop(bare, 0, 16)


def test_missing_photos_are_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no folder 'photos'; put photographs there"):
        Material.read(tmp_path, "train")


def test_a_cache_gives_the_same_material(data: Path, tmp_path: Path, material: Material) -> None:
    for _ in range(2):
        cached = Material.read(data, "train", tmp_path)
        assert torch.equal(cached.photos.samples, material.photos.samples)
        assert torch.equal(cached.ageing.tints, material.ageing.tints)


@pytest.mark.parametrize("kind", [None, "lost"])
def test_a_sheet_shows_clean_aged_mask_and_print_side_by_side(
    material: Material, kind: str | None
) -> None:
    sheet = samples.sheet(material, range(5), 32, 0, kind)

    assert sheet.shape == (5 * 32, 4 * 32, 3)
    clean = torch.from_numpy(sheet[:32, :32].copy()).permute(2, 0, 1)
    assert torch.equal(clean, clean_crop(material, 0, 32))
    assert set(np.unique(sheet[:, 64:96])) <= {0, 255}


def test_the_command_writes_a_sheet(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    arguments = ["--data", str(data), "--out", str(out), "--count", "2", "--size", "24"]
    done = CliRunner().invoke(samples.main, [*arguments, "--kind", "dust"])

    assert done.exit_code == 0, done.output
    assert cv2.imread(str(out)).shape == (48, 96, 3)


def test_the_command_tells_what_is_missing(tmp_path: Path) -> None:
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path / "sheet.png")]
    done = CliRunner().invoke(samples.main, arguments)

    assert done.exit_code == 1
    assert "has no folder 'photos'" in done.output
    assert "Traceback" not in done.output
