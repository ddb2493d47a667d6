"""The command trains, goes on where it was, and refuses what it cannot do."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from archivist_colorization.compact.columns import Columns
from archivist_colorization.compact.network import Compact
from archivist_colorization.train import NETWORK, Run, command, train
from archivist_torch.device import Compute
from archivist_torch.weights import load_network, load_weights, read_metadata


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with four photographs and two groups, one of them held out."""
    folder, rng = tmp_path / "data", np.random.default_rng(5)

    def write(name: str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (10, 12, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, (96, 80), interpolation=cv2.INTER_CUBIC))

    splits = ("train", "train", "val", "val")
    for number in range(len(splits)):
        write(f"photos/{number}.png")
    listed = "".join(f"{n}.png\t{split}\n" for n, split in enumerate(splits))
    (folder / "photos" / "MANIFEST.tsv").write_text("file\tsplit\n" + listed)
    groups = [f"{group}/{n}.png" for group in ("door", "buddha") for n in range(2)]
    for name in groups:
        write(f"reference-groups/{name}")
    listed = "".join(f"{name}\ttrain\n" for name in groups)
    (folder / "reference-groups" / "MANIFEST.tsv").write_text("file\tsplit\n" + listed)
    return folder


def asked(data: Path, out: Path) -> Run:
    return Run(data=data, out=out, minutes=60, batch=2, crop=64, steps=1)


def cpu() -> Compute:
    return Compute(torch.device("cpu"), torch.float32, "test")


def test_a_run_exports_calibrated_weights_that_load_and_goes_on(data: Path, tmp_path: Path) -> None:
    run = asked(data, tmp_path / "run")

    path = train(run, cpu())
    network = load_network(Compact, path)
    train(replace(run, steps=2, resume=True), cpu())

    lines = (run.out / "exemplars" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]
    assert {"photos", "strangers", "buddha"} <= json.loads(lines[0]).keys()
    assert read_metadata(path)["network"] == NETWORK
    assert not torch.equal(network.calibration[0], torch.tensor([0.0, 1, 1, 0]))


def test_the_second_stage_leaves_automatic_colour_of_places_alone(
    data: Path, tmp_path: Path
) -> None:
    run = asked(data, tmp_path / "run")

    train(run, cpu())

    columns, network = Columns(), Compact()
    load_weights(columns, run.out / "columns" / "last.safetensors")
    load_weights(network, run.out / "exemplars" / "last.safetensors")
    learnt, kept = columns.state_dict(), network.decoder.columns.state_dict()
    assert learnt["say.bias"].abs().max() > 0
    assert all(torch.equal(learnt[name], kept[name]) for name in learnt)


def test_a_run_that_ended_in_its_first_stage_goes_on_there(data: Path, tmp_path: Path) -> None:
    run = asked(data, tmp_path / "run")
    train(run, cpu())
    shutil.rmtree(run.out / "exemplars")

    train(replace(run, steps=2, resume=True), cpu())

    lines = (run.out / "columns" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_a_run_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "columns").mkdir(parents=True)
    (tmp_path / "run" / "columns" / "checkpoint.pt").touch()

    result = CliRunner().invoke(
        command, ["--data", str(data), "--minutes", "1", "--out", str(tmp_path / "run")]
    )

    assert "--resume" in result.output
    assert result.exit_code == 1


def test_a_crop_that_does_not_fit_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="crops of 50 px"):
        train(replace(asked(data, tmp_path), crop=50), cpu())


def test_a_folder_without_photographs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        train(asked(tmp_path, tmp_path / "run"), cpu())
