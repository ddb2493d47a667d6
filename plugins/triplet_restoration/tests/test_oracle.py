"""The oracle command checks every array that a case holds, and nothing it lacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

from archivist_triplet import oracle

Case = dict[str, NDArray[np.generic]]
tiny = partial(oracle.oracle_network, width=2)


@pytest.fixture(scope="module")
def case() -> Case:
    """A case of the tiny networks, computed by another way through them."""
    rng = np.random.default_rng(3)
    mask = np.zeros((32, 64), np.uint8)
    mask[4:20, :30] = 1
    quality, scratch = rng.integers(0, 256, (2, 3, 32, 64), np.uint8)
    scratch[:, mask == 1] = 255
    q, s = (torch.from_numpy(v / 127.5 - 1).float()[None] for v in (quality, scratch))
    damage = torch.from_numpy(mask).float()[None, None]
    with torch.inference_mode():
        encode, decode = tiny("VAE_A_quality").encoder, tiny("VAE_B_scratch").decoder
        vae_b = tiny("VAE_B_quality")
        values = {"q_latent_a": encode(q), "s_latent_a": encode(s), "vae_b_enc": vae_b.encoder(q)}
        values["q_latent_b"] = tiny("mapping_quality")(values["q_latent_a"])
        values["s_latent_b"] = tiny("mapping_scratch")(values["s_latent_a"], damage)
        values["hr_latent_b"] = tiny("mapping_Patch_Attention")(values["s_latent_a"], damage)
        values["s_out"], values["hr_out"] = (
            decode(values[name]) for name in ("s_latent_b", "hr_latent_b")
        )
        values["q_out"] = vae_b.decoder(values["q_latent_b"])
        values["vae_b_rec"] = vae_b(q)
    inputs = {"q_in_u8": quality, "s_in_u8": scratch, "s_mask": mask}
    return inputs | {name: value.numpy() for name, value in values.items()}


OUTPUTS = (
    *("q_latent_a", "q_latent_b", "q_out", "s_latent_a", "s_latent_b", "s_out"),
    *("hr_latent_b", "hr_out", "vae_b_enc", "vae_b_rec"),
)


def test_all_arrays_of_a_case_are_checked(case: Case) -> None:
    result = oracle.check(case, tiny)

    assert set(result.single.errors) == set(result.chained.errors) == set(OUTPUTS)
    assert result.single.passed


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_wrong_array_is_found(case: Case, name: str) -> None:
    wrong = case[name].copy()
    wrong.flat[7] += 0.1

    result = oracle.check(case | {name: wrong}, tiny)

    assert not result.single.passed
    assert result.single.errors[name] > 1e-3
    assert result.chained.errors[name] > 1e-3


def test_only_the_arrays_that_are_there_are_checked(case: Case) -> None:
    part = {name: case[name] for name in ("q_in_u8", "q_out", "vae_b_enc")}

    assert set(oracle.check(part, tiny).single.errors) == {"q_out", "vae_b_enc"}


def test_networks_that_no_array_needs_are_not_made(case: Case) -> None:
    made: list[str] = []

    def network(file: str) -> torch.nn.Module:
        made.append(file)
        return tiny(file)

    oracle.check({name: case[name] for name in ("s_in_u8", "s_latent_a")}, network)

    assert made == ["VAE_A_quality"]


def test_latents_are_held_to_a_share_of_their_largest_value(case: Case) -> None:
    away = case["vae_b_enc"] + 0.5 * np.abs(case["vae_b_enc"]).max()
    part = {"q_in_u8": case["q_in_u8"], "vae_b_enc": away}

    error = oracle.check(part, tiny).single.errors["vae_b_enc"]

    expected = 0.5 * np.abs(case["vae_b_enc"]).max() / np.abs(away).max()
    assert error == pytest.approx(expected, rel=1e-4)


def test_a_case_without_any_of_the_arrays_is_an_error() -> None:
    with pytest.raises(ValueError, match="none of the arrays q_latent_a"):
        oracle.check({"det_prob": np.zeros(1)}, tiny)


def test_a_case_without_the_input_of_an_array_names_it(case: Case) -> None:
    with pytest.raises(ValueError, match="s_out cannot be checked: the case lacks s_mask"):
        oracle.check({name: case[name] for name in ("s_in_u8", "s_out")}, tiny)


def run(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    check: Callable[[Case], oracle.Result] = partial(oracle.check, network=tiny)
    monkeypatch.setattr(oracle, "check", check)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    result = CliRunner().invoke(oracle.main, [str(path)])
    return result.exit_code, result.output


def test_the_command_ends_with_zero_for_a_case_that_agrees(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "case.npz", **case)

    code, output = run(tmp_path / "case.npz", monkeypatch)

    assert code == 0
    assert json.loads(output)["passed"] is True


def test_the_command_ends_with_one_for_a_case_that_differs(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "case.npz", **case | {"q_out": -case["q_out"]})

    assert run(tmp_path / "case.npz", monkeypatch)[0] == 1


def test_a_file_that_is_no_case_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "case.npz").write_bytes(b"no archive")

    code, output = run(tmp_path / "case.npz", monkeypatch)

    assert code == 1
    assert "case.npz" in output
