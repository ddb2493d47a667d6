"""The command trains, goes on where it was, and refuses what it cannot do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from archivist_faces import identity
from archivist_faces.compact import CompactGenerator
from archivist_faces.identity import IdentityNet
from archivist_faces.train import NETWORK, Run, command, train
from archivist_faces.training import identity_fit, task
from archivist_torch.device import Compute
from archivist_torch.weights import load_network, read_metadata


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the network narrow, the validation short and the persons few."""
    monkeypatch.setattr(CompactGenerator.__init__, "__defaults__", ((4, 4, 6, 8), (1, 1, 1, 1)))
    monkeypatch.setattr(task, "SHOWN", 2)
    monkeypatch.setattr(identity_fit, "VIEWS", 2)


def asked(data: Path, out: Path) -> Run:
    return Run(data=data, out=out, minutes=60, batch=2, crop=64, steps=1)


def cpu() -> Compute:
    return Compute(torch.device("cpu"), torch.float32, "test")


def test_a_run_exports_weights_that_load(data: Path, tmp_path: Path) -> None:
    path = train(asked(data, tmp_path / "run"), cpu())

    load_network(CompactGenerator, path)
    assert read_metadata(path)["network"] == NETWORK
    assert {"gain", "input", "own"} <= set(read_metadata(path))


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


def test_training_lowers_the_loss(data: Path, tmp_path: Path) -> None:
    run = replace(asked(data, tmp_path / "run"), steps=40)
    train(run, cpu())

    row = json.loads((run.out / "log.jsonl").read_text().splitlines()[-1])
    assert row["gain"] > 0


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
