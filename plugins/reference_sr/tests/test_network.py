"""The paper's network: released layout, receptive fields, gradients, import."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from archivist_reference_sr import checkpoint, oracle
from archivist_reference_sr.checkpoint import import_paper
from archivist_reference_sr.extractor import MEAN, TextureExtractor
from archivist_reference_sr.network import TTSR, MainNet
from archivist_torch.weights import WeightsMismatch, load_network

TINY = {"features": 4, "blocks": (1, 1, 1, 1), "texture": (4, 6, 8)}
F, T1, T2, T3 = 64, 64, 128, 256


def chain(name: str, count: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{n}.conv{i}": (F, F, 3, 3) for n in range(count) for i in (1, 2)}


def released_layout() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the released checkpoint, by rule."""
    square, point, merge2, merge3 = (F, F, 3, 3), (F, F, 1, 1), (F, 2 * F, 3, 3), (F, 3 * F, 3, 3)
    main = {"SFE.conv_head": (F, 3, 3, 3), "SFE.conv_tail": square} | chain("SFE.RBs", 16)
    main |= {f"conv{n}{n}_head": (F, F + t, 3, 3) for n, t in ((1, T3), (2, T2), (3, T1))}
    main |= {"conv12": (4 * F, F, 3, 3), "conv23": (4 * F, F, 3, 3)}
    for stage, blocks in ((1, 16), (2, 8), (3, 4)):
        for branch in range(1, stage + 1):
            main |= chain(f"RB{stage}{branch}", blocks) | {f"conv{stage}{branch}_tail": square}
    main |= {f"ex12.{n}": s for n, s in (("conv12", point), ("conv21", square))}
    main |= {f"ex12.conv_merge{n}": merge2 for n in (1, 2)}
    main |= {f"ex123.conv{n}": point for n in ("12", "13", "23")}
    main |= {f"ex123.conv{n}": square for n in ("21", "31_1", "31_2", "32")}
    main |= {f"ex123.conv_merge{n}": merge3 for n in (1, 2, 3)}
    main |= {"merge_tail.conv13": point, "merge_tail.conv23": point}
    main |= {"merge_tail.conv_merge": merge3, "merge_tail.conv_tail1": (32, F, 3, 3)}
    main |= {"merge_tail.conv_tail2": (3, 32, 1, 1)}
    rows = {f"MainNet.{n}": s for n, s in main.items()} | {
        "LTE.slice1.0": (T1, 3, 3, 3),
        "LTE.slice2.2": (T1, T1, 3, 3),
        "LTE.slice2.5": (T2, T1, 3, 3),
        "LTE.slice3.7": (T2, T2, 3, 3),
        "LTE.slice3.10": (T3, T2, 3, 3),
        "LTE.sub_mean": (3, 3, 1, 1),
    }
    weights = {f"{n}.weight": s for n, s in rows.items()}
    return weights | {f"{n}.bias": s[:1] for n, s in rows.items()}


def test_the_network_has_the_names_and_shapes_of_the_released_checkpoint() -> None:
    with torch.device("meta"):
        network = TTSR()

    assert {n: tuple(v.shape) for n, v in network.state_dict().items()} == released_layout()
    assert sum(p.numel() for p in network.parameters()) == 6_729_615


def test_the_extractor_takes_the_mean_of_imagenet_away() -> None:
    mean = torch.tensor(MEAN)[None, :, None, None] * 2 - 1

    seen = TextureExtractor((2, 2, 2)).sub_mean((mean.expand(1, 3, 2, 2) + 1) / 2)

    assert seen.abs().max() < 1e-6


def farthest(gradient: torch.Tensor, middle: int) -> int:
    """How far from ``middle`` a gradient (..., height, width) is not zero."""
    rows, columns = gradient.abs().amax((0, 1)).nonzero().T
    return int(max((rows - middle).abs().max(), (columns - middle).abs().max()))


def test_no_pass_of_the_main_network_sees_beyond_its_radius() -> None:
    torch.manual_seed(1)
    main = MainNet(features=3, texture=(2, 2, 2)).double()
    for parameter in main.parameters():
        parameter.data.abs_()  # nothing is cut off by a ReLU, nothing cancels
    main.merge_tail.conv_tail2.weight.data *= 1e-90  # far from where the result is cut off
    main.merge_tail.conv_tail2.bias.data.zero_()

    def drawn(channels: int, side: int) -> torch.Tensor:
        size = (1, channels, side, side)
        return torch.rand(size, dtype=torch.float64, requires_grad=True)

    inputs = [drawn(channels, 145) for channels in (3, 1, 2)]
    reached = torch.autograd.grad(main.begin(*inputs)[..., 72, 72].sum(), inputs)
    assert max(farthest(g, 72) for g in reached) == MainNet.RADIUS_BEGIN

    inputs = [drawn(channels, 73) for channels in (3, 1)]
    result = main.finish(*inputs, drawn(2, 2 * 73), drawn(2, 4 * 73))
    reached = torch.autograd.grad(result[..., 144:148, 144:148].sum(), inputs)
    assert max(farthest(g, 36) for g in reached) == MainNet.RADIUS_FINISH


def test_gradients_reach_every_weight_that_is_trained() -> None:
    torch.manual_seed(3)
    network = TTSR(**TINY)
    small, large = torch.rand(2, 3, 5, 6) - 0.5, torch.rand(2, 3, 20, 24) - 0.5
    ref, refsr = torch.rand(2, 2, 3, 16, 20) - 0.5

    out = network(small, large, ref, refsr)
    out.picture.square().sum().backward()

    assert out.picture.shape == (2, 3, 20, 24)
    assert out.attention.shape == (2, 1, 5, 6)
    still = [n for n, p in network.named_parameters() if p.requires_grad and not p.grad.any()]
    assert still == []


@pytest.fixture
def tiny_paper(monkeypatch: pytest.MonkeyPatch) -> TTSR:
    monkeypatch.setattr(checkpoint, "TTSR", lambda: TTSR(**TINY))
    torch.manual_seed(4)
    return TTSR(**TINY)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("with_copy", [False, True])
def test_a_released_checkpoint_is_imported_by_its_names(
    tmp_path: Path, tiny_paper: TTSR, prefix: str, with_copy: bool
) -> None:
    state = dict(tiny_paper.state_dict())
    if with_copy:
        state |= {
            n.replace("LTE.", "LTE_copy."): v for n, v in state.items() if n.startswith("LTE.")
        }
    torch.save({prefix + n: v for n, v in state.items()}, tmp_path / "TTSR.pt")

    import_paper(tmp_path / "TTSR.pt", tmp_path / "ttsr.safetensors")

    loaded = load_network(lambda: TTSR(**TINY), tmp_path / "ttsr.safetensors")
    assert all(torch.equal(v, state[n]) for n, v in loaded.state_dict().items())


def test_an_unknown_and_a_missing_entry_are_named(tmp_path: Path, tiny_paper: TTSR) -> None:
    state = dict(tiny_paper.state_dict())
    del state["MainNet.conv12.bias"]
    state["LTE_copy.slice9.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "odd.pt")

    with pytest.raises(WeightsMismatch) as caught:
        import_paper(tmp_path / "odd.pt", tmp_path / "ttsr.safetensors")

    assert "missing: MainNet.conv12.bias" in str(caught.value)
    assert "unknown: LTE_copy.slice9.weight" in str(caught.value)
    assert not (tmp_path / "ttsr.safetensors").exists()


def small_case(path: Path, network: TTSR, **changes: np.ndarray) -> Path:
    """Write an oracle file of uneven sizes for a tiny network."""
    rng = np.random.default_rng(1)
    sizes = {"lr_u8": (5, 7), "lrsr_u8": (20, 28), "ref_u8": (16, 24), "refsr_u8": (16, 24)}
    case = {n: rng.integers(0, 256, (*size, 3), np.uint8) for n, size in sizes.items()}
    found = oracle.outputs(network, case)
    case |= {
        "sr": found["sr"],
        "S": found["S"],
        "hard_index": found["hard_index"],
        "T_lv3_ch2": found["T_lv3"][::2],
        "lte_sr_lv2_mean": found["lte_sr_lv2"].mean((1, 2)),
        "top2_gap": np.full((5, 7), 0.1, np.float32),
    }
    np.savez(path, **(case | changes))
    return path


@pytest.fixture
def tiny_oracle(monkeypatch: pytest.MonkeyPatch) -> TTSR:
    network = TTSR(**TINY).eval()
    state = oracle.drawn_state(network.state_dict(), "tiny")
    network.load_state_dict(state)
    monkeypatch.setattr(oracle, "oracle_network", lambda salt: network)
    return network


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({}, 0, '"equal": 35, "tied": 0, "wrong": 0'),
        ({"sr": np.zeros((3, 20, 28), np.float32)}, 1, '"passed": false'),
        ({"T_lv3_ch2": np.zeros((4, 5, 7), np.float32)}, 1, '"passed": false'),
        ({"hard_index": np.full((5, 7), -1)}, 1, '"wrong": 35'),
        ({"hard_index": np.full((5, 7), -1), "top2_gap": np.zeros((5, 7))}, 0, '"tied": 35'),
        ({"novelty": np.zeros(2)}, 0, '"unchecked": ["novelty"]'),
    ],
)
def test_the_oracle_command_says_what_agrees(
    tmp_path: Path, tiny_oracle: TTSR, changes: dict[str, np.ndarray], code: int, said: str
) -> None:
    case = small_case(tmp_path / "case.npz", tiny_oracle, **changes)

    result = CliRunner().invoke(oracle.main, [str(case)])

    assert result.exit_code == code, result.output
    assert said in result.output


def test_a_file_without_inputs_is_refused_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", sr=np.zeros(2), lr_u8=np.zeros(2))

    result = CliRunner().invoke(oracle.main, [str(tmp_path / "other.npz")])

    assert result.exit_code == 2
    assert "it lacks lrsr_u8, ref_u8, refsr_u8" in result.output


def test_oracle_weights_depend_on_salt_and_name_alone() -> None:
    layout = {"LTE.slice1.0.weight": torch.empty(8, 3, 3, 3), "MainNet.conv12.bias": torch.empty(4)}

    drawn, alone = (
        oracle.drawn_state(layout, "a"),
        oracle.drawn_state(dict([*layout.items()][1:]), "a"),
    )

    assert torch.equal(drawn["MainNet.conv12.bias"], alone["MainNet.conv12.bias"])
    assert not torch.equal(
        drawn["MainNet.conv12.bias"], oracle.drawn_state(layout, "b")["MainNet.conv12.bias"]
    )
