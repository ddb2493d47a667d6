"""The command that makes the weight file says what it cannot use."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from archivist_embedding import convert
from archivist_embedding.network import Describer
from archivist_embedding.regions import Pixels
from archivist_torch.weights import load_network, read_metadata


@pytest.fixture
def photos(tmp_path: Path, scenes: list[Pixels]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(52):
        scene = np.roll(scenes[number % 10], number, axis=1)[:40, :40]
        cv2.imwrite(str(folder / f"{number:02}.png"), (scene * 255).astype(np.uint8))
    return folder


def test_the_file_is_small_and_loads(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archivist_embedding.regions.SIGHT", 32)
    out = tmp_path / "new.safetensors"

    result = CliRunner().invoke(convert.main, [str(photos), str(out)])

    assert result.exit_code == 0, result.output
    assert out.stat().st_size < 2**21
    assert read_metadata(out)["fitted_to"] == "52"
    load_network(Describer, out)


def test_too_few_photographs_are_refused(photos: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        convert.main, [str(photos), str(tmp_path / "new.safetensors"), "--after", "5"]
    )

    assert result.exit_code == 1
    assert "47 photographs are too few" in result.output


def test_a_file_that_is_no_picture_is_named(photos: Path, tmp_path: Path) -> None:
    (photos / "00.png").write_bytes(b"no picture")

    result = CliRunner().invoke(convert.main, [str(photos), str(tmp_path / "new.safetensors")])

    assert result.exit_code == 1
    assert "00.png cannot be read" in result.output
