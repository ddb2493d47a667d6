"""The paper's network has the released layout; the compact one is small and folds exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from archivist_scratch import oracle, train
from archivist_scratch.checkpoint import import_paper
from archivist_scratch.features import CHANNELS, REACH, compact_input
from archivist_scratch.network import Compact, Paper
from archivist_torch.weights import load_network, load_state, save_weights

Layout = dict[str, tuple[int, ...]]


def convolution(name: str, before: int, after: int, side: int = 3) -> Iterator[tuple[str, tuple]]:
    yield f"{name}.weight", (after, before, side, side)
    yield f"{name}.bias", (after,)


def norm(name: str, width: int) -> Iterator[tuple[str, tuple]]:
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{leaf}", (width,)
    yield f"{name}.num_batches_tracked", ()


def block(name: str, before: int, after: int) -> Iterator[tuple[str, tuple]]:
    yield from convolution(f"{name}.1", before, after)
    yield from norm(f"{name}.2", after)
    yield from convolution(f"{name}.5", after, after)
    yield from norm(f"{name}.6", after)


def released_layout() -> Layout:
    """Names and shapes of the detection checkpoint, by rule."""
    rows = [*convolution("first.1", 1, 64, 7), *convolution("last.1", 64, 1)]
    for step, width in enumerate((64, 128, 256, 512)):
        rows += block(f"down_path.{step}.block", width, 2 * width)
        rows += convolution(f"down_sample.{step}.1", width, width)
        rows += norm(f"down_sample.{step}.2", width)
        rows.append((f"down_sample.{step}.4.filt", (width, 1, 3, 3)))
    for step, width in enumerate((1024, 512, 256, 128)):
        rows += convolution(f"up_path.{step}.up.2", width, width // 2)
        rows += block(f"up_path.{step}.conv_block.block", width, width // 2)
    return dict(rows)


def test_the_papers_network_has_the_names_and_shapes_of_the_released_checkpoint() -> None:
    with torch.device("meta"):
        network = Paper()

    assert {n: tuple(v.shape) for n, v in network.state_dict().items()} == released_layout()
    assert sum(p.numel() for p in network.parameters()) == 37_626_177


def test_the_binomial_filter_keeps_brightness() -> None:
    halving = Paper(first=2, depth=1).down_sample[0][-1]

    assert torch.allclose(halving(torch.full((1, 2, 8, 10), 3.0)), torch.full((1, 2, 4, 5), 3.0))


@pytest.mark.parametrize(
    ("network", "channels", "answers"),
    [(Paper(first=2), 1, 1), (Compact(4, (4, 4, 4)), CHANNELS, 2)],
)
def test_a_network_answers_for_every_pixel(network: nn.Module, channels: int, answers: int) -> None:
    with torch.no_grad():
        logits = network(torch.zeros(2, channels, 32, 48))

    assert logits.shape == (2, answers, 32, 48)


def small_case(folder: Path, shift: float = 0.0) -> Path:
    """Write an oracle file for a network of base width 4."""
    grey = np.random.default_rng(1).integers(0, 256, (1, 32, 48), np.uint8)
    found = oracle.outputs(oracle.oracle_network(first=4), grey)
    path = folder / "case.npz"
    np.savez(path, det_in_u8=grey, **{name: value + shift for name, value in found.items()})
    return path


@pytest.mark.parametrize(("shift", "code"), [(0.0, 0), (0.01, 1)])
def test_the_oracle_command_says_whether_outputs_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: float, code: int
) -> None:
    case = small_case(tmp_path, shift)
    narrow = oracle.oracle_network(first=4)
    monkeypatch.setattr(oracle, "oracle_network", lambda: narrow)

    result = CliRunner().invoke(oracle.main, [str(case)])

    assert result.exit_code == code
    assert "det_logits" in result.output


def test_a_released_checkpoint_is_imported_by_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archivist_scratch.checkpoint.Paper", lambda: Paper(first=4))
    original = Paper(first=4)
    torch.save({"model_state": original.state_dict(), "epoch": 3}, tmp_path / "FT_Epoch_latest.pt")

    import_paper(tmp_path / "FT_Epoch_latest.pt", tmp_path / "paper.safetensors")

    loaded = load_network(lambda: Paper(first=4), tmp_path / "paper.safetensors")
    assert torch.equal(loaded.first[1].weight, original.first[1].weight)


def test_a_checkpoint_of_another_network_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"missing: first\.1\.weight"):
        load_state(Paper(first=2), {}, "empty.pt")


def test_the_compact_network_is_small() -> None:
    assert sum(p.numel() for p in Compact().parameters()) < 2_000_000


def test_folding_batch_norms_changes_nothing() -> None:
    network = Compact(8, (8, 8, 16)).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    features = torch.rand(1, CHANNELS, 32, 48)

    with torch.no_grad():
        assert torch.allclose(network(features), network.folded()(features), atol=1e-5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.folded().modules())


def test_top_hats_see_thin_bright_and_dark_lines() -> None:
    grey = np.full((40, 40), 0.5, np.float32)
    grey[:, 10:12], grey[:, 30:32] = 0.9, 0.1

    features = compact_input(grey)

    assert features.shape == (CHANNELS, 40, 40)
    assert features[2, 20, 10] == pytest.approx(1.6)
    assert features[3, 20, 30] == pytest.approx(1.6)
    assert abs(features[2:, 20, 20]).max() < 1e-6


def test_features_depend_on_no_pixel_beyond_their_reach() -> None:
    grey = np.random.default_rng(0).random((120, 40), np.float32)
    other = grey.copy()
    other[60 + REACH + 1 :] = 0

    assert np.allclose(compact_input(grey)[:, :61], compact_input(other)[:, :61], atol=1e-4)


def test_a_crop_that_does_not_fit_the_network_is_refused(tmp_path: Path) -> None:
    asked = ["--data", str(tmp_path), "--minutes", "1", "--crop", "250"]

    result = CliRunner().invoke(train.command, asked)

    assert result.exit_code == 2
    assert "multiple of 16" in result.output


def test_training_goes_on_from_given_weights_and_refuses_those_of_another_network(
    tmp_path: Path,
) -> None:
    other = tmp_path / "other.safetensors"
    save_weights({"layer": torch.zeros(1)}, other, {})
    asked = ["--data", str(tmp_path), "--minutes", "1", "--out", str(tmp_path / "run")]

    result = CliRunner().invoke(train.command, [*asked, "--from", str(other)])

    assert "does not fit Compact" in str(result.exception)
