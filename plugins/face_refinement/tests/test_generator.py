"""The face generator has the released layout, is imported by its names, and fits any crop."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

from archivist_faces import authors_blend, oracle
from archivist_faces.alignment import place, template
from archivist_faces.checkpoint import import_generator, load_generator
from archivist_faces.generator import FaceGenerator
from archivist_faces.inference import generate
from archivist_faces.spectral import folded, stored_layout

Shape = tuple[int, ...]


def spectral(name: str, before: int, after: int, side: int = 3) -> Iterator[tuple[str, Shape]]:
    if side > 1:
        yield f"{name}.bias", (after,)
    yield f"{name}.weight_orig", (after, before, side, side)
    yield f"{name}.weight_u", (after,)
    yield f"{name}.weight_v", (before * side * side,)


def norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    for leaf in ("running_mean", "running_var"):
        yield f"{name}.param_free_norm.{leaf}", (width,)
    yield f"{name}.param_free_norm.num_batches_tracked", ()
    for part, before, after in (
        ("mlp_shared.0", 3, 128),
        ("mlp_gamma", 128, width),
        ("mlp_beta", 128, width),
    ):
        yield f"{name}.{part}.weight", (after, before, 3, 3)
        yield f"{name}.{part}.bias", (after,)


def released_layout() -> dict[str, Shape]:
    rows: list[tuple[str, Shape]] = []
    for name, before, after in (
        ("head_0", 1024, 1024),
        ("G_middle_0", 1024, 1024),
        ("G_middle_1", 1024, 1024),
        ("up_0", 1024, 512),
        ("up_1", 512, 256),
        ("up_2", 256, 128),
        ("up_3", 128, 64),
    ):
        rows += [*spectral(f"{name}.conv_0", before, after)]
        rows += [*spectral(f"{name}.conv_1", after, after)]
        rows += [*norm(f"{name}.norm_0", before), *norm(f"{name}.norm_1", after)]
        if before != after:
            rows += [*spectral(f"{name}.conv_s", before, after, 1), *norm(f"{name}.norm_s", before)]
    rows += [("fc.weight", (1024, 3, 3, 3)), ("fc.bias", (1024,))]
    rows += [("conv_img.weight", (3, 64, 3, 3)), ("conv_img.bias", (3,))]
    return dict(rows)


def narrow() -> FaceGenerator:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return FaceGenerator(2).eval()


def checkpoint(network: FaceGenerator) -> dict[str, Tensor]:
    """Return entries as the release has them, which amount to the weights of ``network``."""
    plain = network.state_dict()
    stored = {name: plain.get(name, value) for name, value in stored_layout(plain).items()}
    for name in [n for n in stored if n.endswith("weight_orig")]:
        stem, weight = name.removesuffix("weight_orig"), plain[name.removesuffix("_orig")]
        u, values, v = torch.linalg.svd(weight.flatten(1), full_matrices=False)
        stored[name] = 3 * weight / values[0]
        stored[stem + "weight_u"], stored[stem + "weight_v"] = u[:, 0] / values[0], v[0]
    return stored


def test_the_generator_has_the_names_and_shapes_of_the_released_checkpoint() -> None:
    with torch.device("meta"):
        network = FaceGenerator()

    layout = stored_layout(network.state_dict())
    assert {name: tuple(value.shape) for name, value in layout.items()} == released_layout()
    assert sum(p.numel() for p in network.parameters()) == 92_059_587


def test_folding_agrees_with_the_spectral_norm_of_torch() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        normed = spectral_norm(nn.Conv2d(3, 5, 3)).eval()
    x = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        expected = normed(x)
        state = {f"conv_0.{name}": value for name, value in normed.state_dict().items()}
        weight = folded(state, "test")["conv_0.weight"]
        found = functional.conv2d(x, weight, normed.bias)

    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (17, 200), (70, 41), (5, 5)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_crop_of_any_size_is_refined(size: tuple[int, int], channels: int) -> None:
    crop = np.random.default_rng(0).random((*size, channels), np.float32)

    refined = generate(narrow(), crop)

    assert refined.shape == crop.shape
    assert refined.dtype == np.float32
    assert 0 <= refined.min() <= refined.max() <= 1


def test_sides_that_do_not_fit_are_refused_by_the_network() -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        narrow()(torch.zeros(1, 3, 40, 64))


def test_a_crop_with_four_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="give"):
        generate(narrow(), np.zeros((64, 64, 4), np.float32))


@pytest.mark.parametrize("wrapper", ["", "module."])
def test_a_released_checkpoint_is_imported_and_folded(tmp_path: Path, wrapper: str) -> None:
    network = narrow()
    state = {wrapper + name: value for name, value in checkpoint(network).items()}
    torch.save(state, tmp_path / "latest_net_G.pth")

    import_generator(256, tmp_path / "latest_net_G.pth", tmp_path / "faces.safetensors", width=2)

    loaded, face = load_generator(tmp_path / "faces.safetensors", width=2), torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(face), network(face), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("side", "folder"), [(256, "Setting_9_epoch_100"), (512, "FaceSR_512")])
def test_the_archive_holds_one_generator_for_each_size(
    tmp_path: Path, side: int, folder: str
) -> None:
    torch.save(checkpoint(narrow()), tmp_path / "latest_net_G.pth")
    with zipfile.ZipFile(tmp_path / "face_checkpoints.zip", "w") as archive:
        archive.write(tmp_path / "latest_net_G.pth", f"checkpoints/{folder}/latest_net_G.pth")
        archive.writestr("checkpoints/other/latest_net_G.pth", b"")

    import_generator(
        side, tmp_path / "face_checkpoints.zip", tmp_path / "faces.safetensors", width=2
    )

    assert (tmp_path / "faces.safetensors").exists()


def test_a_missing_entry_is_named(tmp_path: Path) -> None:
    state = checkpoint(narrow())
    del state["up_3.conv_s.weight_v"]
    torch.save(state, tmp_path / "latest_net_G.pth")

    with pytest.raises(ValueError, match=r"missing: up_3\.conv_s\.weight_v"):
        import_generator(256, tmp_path / "latest_net_G.pth", tmp_path / "out", width=2)


def test_an_archive_without_the_generator_says_what_to_give(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.writestr("x.pth", b"")

    with pytest.raises(FileNotFoundError, match=r"Give face_checkpoints\.zip"):
        import_generator(256, tmp_path / "some.zip", tmp_path / "out", width=2)


def generator_case(shift: float) -> dict[str, np.ndarray]:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 64, 64), np.uint8)
    batch = torch.from_numpy(pixels[None] / 255.0 * 2 - 1)
    with torch.inference_mode():
        found = oracle.oracle_generator(width=2).double()(batch)
    return {"face_in_u8": pixels, "face_out": found.numpy() + shift}


def blend_case(shift: float) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (90, 80, 3), np.uint8)
    face = random.integers(0, 256, (64, 64, 3), np.uint8)
    landmarks = np.rint(template(64) * 1.1 + 3).astype(np.int64)
    matrix = place(landmarks, 64).matrix
    cut = authors_blend.cut(image, matrix, 64)
    matched = authors_blend.match_histograms(face, cut)
    return {
        "img_u8": image,
        "landmarks5": landmarks,
        "restored_face_u8": face,
        "matrix_face_to_image": matrix,
        "aligned_u8": authors_blend.rounded(cut),
        "histmatched_u8": matched,
        "blended": authors_blend.blend(image, matched, matrix) + shift,
    }


@pytest.mark.parametrize("make", [generator_case, blend_case])
@pytest.mark.parametrize(("shift", "code"), [(0.0, 0), (0.02, 1)])
def test_the_oracle_command_says_whether_outputs_agree(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[float], dict],
    shift: float,
    code: int,
) -> None:
    np.savez(tmp_path / "case.npz", **make(shift))
    full = oracle.oracle_generator
    monkeypatch.setattr(oracle, "oracle_generator", lambda side: full(side, width=2))

    result = CliRunner().invoke(oracle.main, [str(tmp_path / "case.npz")])

    assert result.exit_code == code
    assert '"limits"' in result.output


def test_a_file_of_something_else_is_no_case(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x=np.zeros(2))

    result = CliRunner().invoke(oracle.main, [str(tmp_path / "other.npz")])

    assert result.exit_code == 1
    assert "neither face_out nor landmarks5" in result.output


def test_a_histogram_becomes_that_of_the_crop() -> None:
    random = np.random.default_rng(2)
    face = random.integers(0, 100, (64, 64, 3), np.uint8)
    crop = random.uniform(0.4, 0.9, (64, 64, 3))

    matched = authors_blend.match_histograms(face, crop)

    assert abs(float(matched.mean()) / 255 - crop.mean()) < 0.01
