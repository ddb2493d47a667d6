"""The command trains both stages, goes on where it was, and refuses what it cannot do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from archivist_reference_sr.compact.enlarger import Enlarger
from archivist_reference_sr.compact.joiner import Joiner
from archivist_reference_sr.compact.network import Compact
from archivist_reference_sr.train import NETWORK, Run, command, train
from archivist_torch.device import Compute
from archivist_torch.weights import digest, load_network, read_metadata, save_weights


@pytest.fixture(autouse=True)
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the networks of a run shallow: the default ones take seconds a step."""
    monkeypatch.setattr(Enlarger.__init__, "__defaults__", (8, 1))
    monkeypatch.setattr(Joiner.__init__, "__defaults__", (8, 1, 8))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with four photographs and two groups, one of them held out."""
    folder, rng = tmp_path / "data", np.random.default_rng(5)

    def write(name: str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (20, 24, 3), np.uint8)
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


def steps_of(out: Path, stage: str) -> list[int]:
    lines = (out / stage / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def test_a_run_trains_both_stages_and_exports_weights_that_load(data: Path, tmp_path: Path) -> None:
    path = train(asked(data, tmp_path / "run"), cpu())

    load_network(Compact, path)
    assert read_metadata(path)["network"] == NETWORK
    assert "buddha_unrelated" in read_metadata(path)


def test_a_resumed_run_goes_on_with_the_stage_it_was_in(data: Path, tmp_path: Path) -> None:
    run = asked(data, tmp_path / "run")
    train(run, cpu())
    train(replace(run, steps=2, resume=True), cpu())

    assert steps_of(run.out, "enlarger") == [1]
    assert steps_of(run.out, "joiner") == [1, 2]


def test_a_run_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "enlarger").mkdir(parents=True)
    (tmp_path / "run" / "enlarger" / "checkpoint.pt").touch()

    result = CliRunner().invoke(
        command, ["--data", str(data), "--minutes", "1", "--out", str(tmp_path / "run")]
    )

    assert "--resume" in result.output
    assert result.exit_code == 1


def test_a_crop_that_cannot_be_quartered_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="crops of 50 px"):
        train(replace(asked(data, tmp_path), crop=50), cpu())


def test_a_folder_without_photographs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        train(asked(tmp_path, tmp_path / "run"), cpu())


def test_training_goes_on_from_given_weights(data: Path, tmp_path: Path) -> None:
    first = train(asked(data, tmp_path / "first"), cpu())
    second = train(replace(asked(data, tmp_path / "second"), begin=first), cpu())

    before, after = load_file(first), load_file(second)
    apart = max(float((before[n].float() - after[n].float()).abs().max()) for n in before)
    assert 0 < apart < 0.1  # one step away, and not begun anew
    assert read_metadata(first)["begun"] == "anew"
    assert read_metadata(second)["begun"] == digest(first)


def test_an_enlarger_alone_can_be_given_and_kept(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "enlarger.safetensors"
    save_weights(Enlarger().state_dict(), path, dtype=torch.float16)

    run = replace(asked(data, tmp_path / "run"), begin=path, only="joiner")
    made = load_file(train(run, cpu()))

    assert all(torch.equal(made[f"enlarger.{n}"], kept) for n, kept in load_file(path).items())
    assert steps_of(run.out, "joiner") == [1]


def test_an_enlarger_alone_can_be_given_and_trained_further(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "enlarger.safetensors"
    save_weights(Enlarger().state_dict(), path)

    made = load_file(train(replace(asked(data, tmp_path / "run"), begin=path), cpu()))

    apart = [
        float((made[f"enlarger.{n}"] - given).abs().max()) for n, given in load_file(path).items()
    ]
    assert 0 < max(apart) < 0.1


def test_no_enlarger_to_keep_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="by --from"):
        train(replace(asked(data, tmp_path / "run"), only="joiner"), cpu())
