"""The command trains all stages, refuses to overwrite a run, and names what is missing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from archivist_torch.device import Compute
from archivist_torch.weights import digest, load_weights, read_metadata
from archivist_triplet.compact import Triplet
from archivist_triplet.train import NETWORK, Run, command, train


def asked(data: Path, out: Path, *, steps: int = 1, resume: bool = False) -> Run:
    return Run(
        data=data,
        out=out,
        minutes=60,
        batch=2,
        crop=64,
        workers=0,
        lessons=4,
        tones=4,
        resume=resume,
        steps=steps,
    )


def steps_of(out: Path, stage: str) -> list[int]:
    lines = (out / stage / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def test_a_run_trains_all_stages_and_exports_all_networks(
    data: Path, cpu: Compute, tmp_path: Path
) -> None:
    path = train(asked(data, tmp_path / "run"), cpu)

    facts = load_weights(Triplet(), path)
    assert path == tmp_path / "run" / "compact.safetensors"
    assert facts["network"] == NETWORK
    assert {"seed", "run_minutes", "score", "after", "tone_score"} <= set(facts)


def test_a_resumed_run_goes_on_with_the_stage_it_was_in(
    data: Path, cpu: Compute, tmp_path: Path
) -> None:
    train(asked(data, tmp_path / "run"), cpu)
    train(asked(data, tmp_path / "run", steps=2, resume=True), cpu)

    assert steps_of(tmp_path / "run", "vae") == [1]
    assert steps_of(tmp_path / "run", "tone") == [1]
    assert steps_of(tmp_path / "run", "mapping") == [1, 2]


def test_a_run_that_ended_in_its_second_stage_goes_on_there(
    data: Path, cpu: Compute, tmp_path: Path
) -> None:
    train(asked(data, tmp_path / "run"), cpu)
    shutil.rmtree(tmp_path / "run" / "mapping")
    train(asked(data, tmp_path / "run", steps=2, resume=True), cpu)

    assert steps_of(tmp_path / "run", "vae") == [1]
    assert steps_of(tmp_path / "run", "tone") == [1, 2]
    assert steps_of(tmp_path / "run", "mapping")[-1] == 2


def test_a_run_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "vae").mkdir(parents=True)
    (tmp_path / "run" / "vae" / "checkpoint.pt").touch()

    result = CliRunner().invoke(
        command, ["--data", str(data), "--minutes", "1", "--out", str(tmp_path / "run")]
    )

    assert result.exit_code == 1
    assert "--resume" in result.output


def test_missing_prints_are_named_with_the_cure(data: Path, cpu: Compute, tmp_path: Path) -> None:
    shutil.rmtree(data / "historic-prints")

    with pytest.raises(FileNotFoundError, match="--without-prints"):
        train(asked(data, tmp_path / "run"), cpu)


def test_a_crop_that_does_not_fit_the_networks_is_refused(data: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command,
        ["--data", str(data), "--minutes", "1", "--out", str(tmp_path / "r"), "--crop", "200"],
    )

    assert "multiple of 32" in result.output


def test_the_ablation_needs_no_prints_and_says_so_in_the_weights(
    data: Path, cpu: Compute, tmp_path: Path
) -> None:
    shutil.rmtree(data / "historic-prints")
    run = replace(asked(data, tmp_path / "run"), prints=False)

    assert read_metadata(train(run, cpu))["prints"] == "none"


def test_training_goes_on_from_given_weights(data: Path, cpu: Compute, tmp_path: Path) -> None:
    first = train(asked(data, tmp_path / "first"), cpu)
    run = replace(asked(data, tmp_path / "second"), begin=first, seed=2)

    second = train(run, cpu)

    before, after = load_file(first), load_file(second)
    moved = {n.split(".")[0] for n in before if not torch.equal(before[n], after[n])}
    assert moved == {"vae_a", "mapping", "guess"}
    assert read_metadata(first)["begun"] == "anew"
    assert read_metadata(second)["begun"] == digest(first)


def test_the_mapping_can_be_trained_on_alone(data: Path, cpu: Compute, tmp_path: Path) -> None:
    first = train(replace(asked(data, tmp_path / "first"), prints=False), cpu)
    shutil.rmtree(data / "historic-prints")
    run = replace(asked(data, tmp_path / "second"), begin=first, only="mapping")

    second = train(run, cpu)

    before, after = load_file(first), load_file(second)
    moved = {n.split(".")[0] for n in before if not torch.equal(before[n], after[n])}
    assert moved == {"mapping"}
    assert read_metadata(second)["prints"] == "none"


def test_the_guess_of_tone_can_be_trained_alone(data: Path, cpu: Compute, tmp_path: Path) -> None:
    first = train(asked(data, tmp_path / "first"), cpu)
    shutil.rmtree(data / "historic-prints")
    run = replace(asked(data, tmp_path / "second", steps=3), begin=first, only="tone")

    second = train(run, cpu)

    before, after = load_file(first), load_file(second)
    assert {n.split(".")[0] for n in before if not torch.equal(before[n], after[n])} == {"guess"}
    assert read_metadata(second)["tone_step"] == "3"


@pytest.mark.parametrize("part", ["mapping", "tone"])
def test_a_part_alone_needs_the_rest(part: str, data: Path, cpu: Compute, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--from"):
        train(replace(asked(data, tmp_path / "run"), only=part), cpu)
