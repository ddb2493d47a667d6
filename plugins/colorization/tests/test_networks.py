"""The paper's networks have the released layout, and are imported by its names."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from archivist_colorization import oracle
from archivist_colorization.checkpoint import MEMBERS, import_paper
from archivist_colorization.networks import PaperNetworks
from archivist_torch.weights import load_network

Maker = Callable[[], PaperNetworks]
Shape = tuple[int, ...]


@pytest.fixture(scope="module")
def paper() -> PaperNetworks:
    with torch.device("meta"):
        return PaperNetworks()


def conv(name: str, before: int, after: int, side: int = 3) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (after, before, side, side)
    yield f"{name}.bias", (after,)


def layout(network: nn.Module) -> dict[str, Shape]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def matching_layout() -> Iterator[tuple[str, Shape]]:
    for name, before, middle, second in (
        ("layer2_1", 128, 128, 5),
        ("layer3_1", 256, 128, 5),
        ("layer4_1", 512, 256, 5),
        ("layer5_1", 512, 256, 6),
    ):
        yield from conv(f"{name}.1", before, middle)
        yield f"{name}.3.weight", (1,)
        yield from conv(f"{name}.{second}", middle, 64)
        yield f"{name}.{second + 2}.weight", (1,)
    for block in range(3):
        yield from conv(f"layer.{block}.conv1", 256, 256)
        yield f"layer.{block}.prelu.weight", (1,)
        yield from conv(f"layer.{block}.conv2", 256, 256)
    yield from conv("theta", 256, 256, 1)
    yield from conv("phi", 256, 256, 1)


def test_the_correspondence_network_has_the_released_layout(paper: PaperNetworks) -> None:
    assert layout(paper.correspondence) == dict(matching_layout())
    assert sum(p.numel() for p in paper.correspondence.parameters()) == 6_917_131


def test_the_colour_network_has_the_released_size(paper: PaperNetworks) -> None:
    assert len(layout(paper.colour)) == 65
    assert sum(p.numel() for p in paper.colour.parameters()) == 32_802_370


def test_the_feature_network_has_the_names_of_the_caffe_model(paper: PaperNetworks) -> None:
    names = [
        f"conv{stage}_{number}.{leaf}"
        for stage, count in enumerate((2, 2, 4, 4, 4), 1)
        for number in range(1, count + 1)
        for leaf in ("weight", "bias")
    ]

    assert list(layout(paper.features)) == names
    assert sum(p.numel() for p in paper.features.parameters()) == 20_024_384


@pytest.mark.parametrize("height", [32, 40, 48, 56])
def test_heights_of_the_release_are_matched_at_a_quarter(
    networks: PaperNetworks, height: int
) -> None:
    with torch.no_grad():
        levels = networks.features.levels(torch.rand(1, 3, height, 64))
        vectors = networks.correspondence.target(levels)

    assert vectors.shape[2:] == (height // 4, 16)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(1), atol=1e-5)


def test_colour_stays_within_the_range_of_lab(networks: PaperNetworks) -> None:
    with torch.no_grad():
        ab = networks.colour(1e4 * torch.randn(1, 7, 16, 24))

    assert ab.shape == (1, 2, 16, 24)
    assert ab.abs().max() <= 128


def write_case(networks: PaperNetworks, path: Path, shift: float = 0.0) -> None:
    """Write an oracle file from the outputs of ``networks`` themselves."""
    random = np.random.default_rng(1)
    case = {
        name: random.uniform(-40, 40, (3, 32, 48)).astype(np.float32)
        for name in ("ia_lab", "ib_lab", "last_lab")
    }
    wanted = ("similarity", "warp_lab_t1e-2", "ab_t1e-2", "featB_mean_r32")
    with torch.inference_mode():
        blank = {name: np.zeros(0) for name in wanted[:1]}
        outputs = oracle._chain(case | blank, networks, "1e-2")
        case |= {stored: found for _, stored, found, _ in outputs if stored not in case}
        features = oracle._features(case, networks)
        case["featB_mean_r32"] = next(f for name, _, f, _ in features if name == wanted[-1])
    np.savez(path, **{n: v + shift * (n == "ab_t1e-2") for n, v in case.items()})


@pytest.mark.parametrize(("shift", "code"), [(0.0, 0), (0.4, 1)])
def test_the_oracle_command_says_whether_outputs_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, narrow: Maker, shift: float, code: int
) -> None:
    networks = oracle.oracle_networks("some-case", narrow)
    write_case(networks, tmp_path / "some-case.npz", shift)
    asked: list[str] = []
    monkeypatch.setattr(oracle, "oracle_networks", lambda salt: asked.append(salt) or networks)

    result = CliRunner().invoke(oracle.main, [str(tmp_path / "some-case.npz")])

    assert result.exit_code == code
    assert asked == ["some-case"]
    assert all(name in result.output for name in ("similarity_t1e-2", "ab_t1e-2_alone", "limits"))


def test_a_file_of_something_else_is_no_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, networks: PaperNetworks
) -> None:
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    monkeypatch.setattr(oracle, "oracle_networks", lambda _: networks)

    result = CliRunner().invoke(oracle.main, [str(tmp_path / "other.npz")])

    assert result.exit_code == 1
    assert "ib_lab" in result.output


def release(networks: PaperNetworks, folder: Path, wrapper: str = "") -> Path:
    """Write the three files of the release, in folders like those of its archive."""
    parts = (networks.features, networks.correspondence, networks.colour)
    for (title, member), network in zip(MEMBERS.items(), parts, strict=True):
        (folder / title).mkdir(parents=True)
        state = {wrapper + name: value for name, value in network.state_dict().items()}
        torch.save(state, folder / title / member)
    return folder


@pytest.mark.parametrize("wrapper", ["", "module."])
def test_released_checkpoints_become_one_file(
    tmp_path: Path, networks: PaperNetworks, narrow: Maker, wrapper: str
) -> None:
    source = release(networks, tmp_path / "release", wrapper)

    import_paper(source, tmp_path / "paper.safetensors", narrow)

    loaded = load_network(narrow, tmp_path / "paper.safetensors").state_dict()
    assert all(torch.equal(loaded[n], v) for n, v in networks.state_dict().items())


def test_a_zip_archive_is_imported_too(
    tmp_path: Path, networks: PaperNetworks, narrow: Maker
) -> None:
    source = release(networks, tmp_path / "release")
    with zipfile.ZipFile(tmp_path / "release.zip", "w") as archive:
        for file in source.rglob("*.pth"):
            archive.write(file, file.relative_to(source))

    import_paper(tmp_path / "release.zip", tmp_path / "paper.safetensors", narrow)

    loaded = load_network(narrow, tmp_path / "paper.safetensors")
    assert torch.equal(loaded.colour.conv10_ab.weight, networks.colour.conv10_ab.weight)


def test_a_missing_file_is_named_with_the_cure(
    tmp_path: Path, networks: PaperNetworks, narrow: Maker
) -> None:
    source = release(networks, tmp_path / "release")
    next(source.rglob("colornet*.pth")).unlink()

    with pytest.raises(FileNotFoundError, match=r"colornet_iter_76000\.pth.*into one folder"):
        import_paper(source, tmp_path / "paper.safetensors", narrow)


def test_an_unknown_entry_is_named(tmp_path: Path, networks: PaperNetworks, narrow: Maker) -> None:
    source = release(networks, tmp_path / "release")
    file = next(source.rglob("nonlocal_net*.pth"))
    torch.save(torch.load(file, weights_only=True) | {"omega.bias": torch.zeros(1)}, file)

    with pytest.raises(ValueError, match=r"unknown: omega\.bias"):
        import_paper(source, tmp_path / "paper.safetensors", narrow)


def test_a_cut_off_file_is_called_damaged(
    tmp_path: Path, networks: PaperNetworks, narrow: Maker
) -> None:
    source = release(networks, tmp_path / "release")
    file = next(source.rglob("vgg19*.pth"))
    file.write_bytes(file.read_bytes()[:500])

    with pytest.raises(ValueError, match=r"vgg19_conv\.pth is damaged"):
        import_paper(source, tmp_path / "paper.safetensors", narrow)
