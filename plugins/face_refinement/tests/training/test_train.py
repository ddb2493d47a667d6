"""The command trains, goes on where it was, and refuses what it cannot do."""

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
from torch import nn

from archivist_faces import identity
from archivist_faces.compact import CompactGenerator
from archivist_faces.identity import IdentityNet
from archivist_faces.train import NETWORK, Run, command, train
from archivist_faces.training import identity_fit, prepare, samples, task, whole
from archivist_faces.training.pairs import LANDMARKS
from archivist_faces.training.portraits import read_material, read_portraits
from archivist_faces.training.samples import Samples
from archivist_torch.device import Compute
from archivist_torch.weights import digest, load_network, read_metadata


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the network narrow, whole faces small, the validation short and the persons few."""
    monkeypatch.setattr(CompactGenerator.__init__, "__defaults__", ((4, 4, 6, 8), (1, 1, 1, 1)))
    monkeypatch.setattr(task, "SHOWN", 2)
    monkeypatch.setattr(task, "FACES", 2)
    monkeypatch.setattr(whole, "LEAST", 64)
    monkeypatch.setattr(whole, "MOST", 64)
    monkeypatch.setattr(identity_fit, "VIEWS", 2)


def asked(data: Path, out: Path) -> Run:
    return Run(data=data, out=out, minutes=60, batch=2, crop=64, steps=1)


class Adding(nn.Module):
    """Corrects every face by as much of one pattern."""

    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(amount))

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        return self.amount * torch.sin(torch.arange(face.shape[-1]) / 4).expand_as(face)


def cpu() -> Compute:
    return Compute(torch.device("cpu"), torch.float32, "test")


def test_a_run_exports_weights_that_load(data: Path, tmp_path: Path) -> None:
    path = train(asked(data, tmp_path / "run"), cpu())

    load_network(CompactGenerator, path)
    assert read_metadata(path)["network"] == NETWORK
    assert {"gain", "input", "own", "no_further", "moved"} <= set(read_metadata(path))
    assert read_metadata(path)["begun"] == "anew"


def test_training_goes_on_from_given_weights(data: Path, tmp_path: Path) -> None:
    first = train(replace(asked(data, tmp_path / "first"), seed=2), cpu())
    run = replace(asked(data, tmp_path / "second"), begin=first)

    second = train(run, cpu())

    kept, after = load_file(first), load_file(second)
    assert all(torch.allclose(kept[name], after[name], atol=5e-3) for name in kept)
    assert any(not torch.equal(kept[name], after[name]) for name in kept)
    assert read_metadata(second)["begun"] == digest(first)


def test_weights_of_another_network_are_refused(data: Path, tmp_path: Path) -> None:
    options = ["--data", str(data), "--minutes", "1", "--out", str(tmp_path / "run")]

    result = CliRunner().invoke(command, [*options, "--from", str(identity.WEIGHTS)])

    assert "does not fit CompactGenerator" in result.output
    assert result.exit_code == 1


def test_faces_that_go_away_from_their_truth_are_told(data: Path) -> None:
    held_out = Samples(read_portraits(data / "faces", "val"), read_material(data, "val"), 64, 0)
    judge = task.RefinementTask(held_out, held_out, cpu())

    still, worse = (judge.validate(Adding(amount)) for amount in (0.0, 0.4))

    assert still["no_further"] == 1
    assert still["moved"] == pytest.approx(0, abs=1e-6)
    assert worse["no_further"] == 0
    assert worse["moved"] > 0.001
    assert worse["score"] < still["score"] - 1


def test_a_step_can_follow_a_validation(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "LEAST", 96)  # a side of its own: what is kept of others is no help
    monkeypatch.setattr(whole, "MOST", 96)
    made = Samples(read_portraits(data / "faces", "train"), read_material(data, "train"), 64, 1)
    teacher, network = task.RefinementTask(made, made, cpu()), Adding(0.2)

    teacher.validate(network)
    teacher.loss(network, teacher.batch(range(4))).backward()

    assert network.amount.grad is not None


def test_a_whole_face_is_charged_for_becoming_anothers(data: Path) -> None:
    made = Samples(read_portraits(data / "faces", "train"), read_material(data, "train"), 64, 1)
    teacher, network = task.RefinementTask(made, made, cpu()), Adding(0.2)
    batch = teacher.batch(range(4))

    whole = teacher.loss(network, batch)
    whole.backward()
    with pytest.MonkeyPatch.context() as without:
        without.setattr(task, "LIKENESS", 0.0)
        seen = teacher.loss(network, batch)

    assert [len(part) for part in batch] == [3, 3, 3, 3, 3]
    assert whole > seen + 0.001
    assert network.amount.grad is not None
    assert torch.isfinite(network.amount.grad)


def test_a_resumed_run_goes_on_where_it_was(data: Path, tmp_path: Path) -> None:
    run = asked(data, tmp_path / "run")
    train(run, cpu())
    train(replace(run, steps=3, resume=True), cpu())

    lines = (run.out / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 3]


def test_a_run_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").touch()

    result = CliRunner().invoke(
        command, ["--data", str(data), "--minutes", "1", "--out", str(tmp_path / "run")]
    )

    assert "--resume" in result.output
    assert result.exit_code == 1


def test_a_crop_that_the_network_cannot_see_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        train(replace(asked(data, tmp_path), crop=50), cpu())


def noisy_pairs(data: Path, split: str, out: Path) -> Path:
    """Prepare pairs that another step has restored but for their noise."""
    made = dict(prepare.pairs(data, split, 1, 1))
    for name, pair in made.items():
        noise = np.random.default_rng(1).normal(0, 30, (*pair.truth.shape[:2], 1))
        noisy = np.clip(pair.truth + noise, 0, 255).astype(np.uint8)
        for folder, pixels in (("truth", pair.truth), ("restored", noisy)):
            (out / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(out / folder / name), pixels)
    np.savez(out / LANDMARKS, **{name: pair.landmarks for name, pair in made.items()})
    return out


def test_training_takes_the_noise_from_pairs(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "PREPARED", 1.0)
    pairs, held_out = (noisy_pairs(data, split, tmp_path / split) for split in ("train", "val"))
    run = replace(asked(data, tmp_path / "run"), batch=4, steps=60)

    train(replace(run, pairs=pairs, held_out_pairs=held_out), cpu())

    row = json.loads((run.out / "log.jsonl").read_text().splitlines()[-1])
    assert row["gain"] > 0.1
    assert row["own"] < row["input"]


def test_the_descriptor_is_fitted_and_tells_its_figures(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "GRID", 1)
    monkeypatch.setattr(identity, "FEATURES", 120)
    out = tmp_path / "identity.safetensors"

    result = CliRunner().invoke(
        identity_fit.main, ["--data", str(data), "--out", str(out)], catch_exceptions=False
    )

    assert "equal_error" in result.output
    load_network(IdentityNet, out)
    assert read_metadata(out)["persons"] == "2"
