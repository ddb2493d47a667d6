"""Training folders are divided by their manifest, or else by name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from archivist_torch.data import read_folder, split_by_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(4):
        pixels = np.full((5, 6, 3), (10, 20, 30 + number), np.uint8)  # blue, green, red
        cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
    return tmp_path


def test_the_manifest_decides_the_split(folder: Path) -> None:
    rows = ["file\tsplit", "0.png\ttrain", "1.png\tval", "2.png\ttrain", "gone.png\ttrain"]
    (folder / "MANIFEST.tsv").write_text("\n".join(rows), encoding="utf-8")

    assert [p.name for p in read_folder(folder, "train")] == ["0.png", "2.png"]
    assert [p.name for p in read_folder(folder, "val")] == ["1.png"]


def test_colours_come_as_red_green_blue(folder: Path) -> None:
    picture = read_folder(folder, "train", held_out=0)[0]

    assert picture.pixels[0, 0].tolist() == [30, 20, 10]


def test_a_packed_folder_gives_the_same_pictures(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    plain = read_folder(folder, "train", held_out=0)

    for _ in range(2):
        packed = read_folder(folder, "train", cache=cache, held_out=0)
        assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(plain, packed, strict=True))
    assert len(list(cache.glob("*.npz"))) == 1


def test_names_are_divided_in_about_the_wanted_share() -> None:
    held = sum(split_by_name(f"{number}.png", 0.15) == "val" for number in range(2000))

    assert 250 < held < 350


def test_a_folder_without_pictures_of_a_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no 'val' pictures"):
        read_folder(tmp_path, "val")
