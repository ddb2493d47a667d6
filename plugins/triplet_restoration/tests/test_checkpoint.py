"""Released checkpoints become one weight file a mode, or an error that names what is wrong."""

from __future__ import annotations

import hashlib
import zipfile
from functools import partial
from pathlib import Path

import pytest
import torch

from archivist_torch.weights import WeightsMismatch, load_network, read_metadata
from archivist_triplet import checkpoint
from archivist_triplet.paper.restore import MODES, Mode, PaperTriplet, make_mapping
from archivist_triplet.paper.vae import Vae

WIDTH = 2
convert = partial(checkpoint.import_mode, width=WIDTH)


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A folder like that of the unpacked release, of tiny networks."""
    torch.manual_seed(13)
    root = tmp_path / "Global" / "checkpoints"
    networks = {folder: make_mapping(mode, WIDTH) for mode, folder in checkpoint.MAPPINGS.items()}
    networks |= {name: Vae(WIDTH) for name in ("VAE_A_quality", "VAE_B_quality", "VAE_B_scratch")}
    for folder, network in networks.items():
        path = root / "restoration" / checkpoint.member(folder)
        path.parent.mkdir(parents=True)
        torch.save(network.state_dict(), path)
    (root / "detection").mkdir()
    torch.save({"model_state": {}}, root / "detection" / "FT_Epoch_latest.pt")
    return tmp_path / "Global"


def change(released: Path, folder: str, **entries: torch.Tensor | None) -> None:
    path = released / "checkpoints" / "restoration" / checkpoint.member(folder)
    state = torch.load(path, weights_only=True)
    for name, value in entries.items():
        state.pop(name) if value is None else state.update({name: value})
    torch.save(state, path)


def zipped(released: Path) -> Path:
    path = released.parent / "global_checkpoints.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in released.rglob("*.pt*"):
            archive.write(file, file.relative_to(released))
    return path


@pytest.mark.parametrize("mode", MODES)
def test_the_weight_file_of_a_mode_fills_its_network(
    mode: Mode, released: Path, tmp_path: Path
) -> None:
    convert(mode, released, tmp_path / "w.safetensors")

    network = load_network(lambda: PaperTriplet(mode, WIDTH), tmp_path / "w.safetensors")

    folder = released / "checkpoints" / "restoration"
    vae_b = torch.load(folder / checkpoint.member(checkpoint.DECODERS[mode]), weights_only=True)
    found = network.state_dict()["vae_b.decoder.11.weight"]
    assert torch.equal(found, vae_b["decoder.11.weight"])


def test_an_archive_gives_the_weights_of_its_folder(released: Path, tmp_path: Path) -> None:
    convert("scratch", released, tmp_path / "folder.safetensors")
    convert("scratch", zipped(released), tmp_path / "zip.safetensors")

    make = partial(PaperTriplet, "scratch", WIDTH)
    folder = load_network(make, tmp_path / "folder.safetensors").state_dict()
    archive = load_network(make, tmp_path / "zip.safetensors").state_dict()
    assert all(torch.equal(folder[name], archive[name]) for name in folder)


def test_a_flat_folder_of_files_named_after_their_networks_will_do(
    released: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in ("VAE_A_quality", "mapping_quality", "VAE_B_quality"):
        source = released / "checkpoints" / "restoration" / checkpoint.member(name)
        source.rename(flat / f"{name}.pth")

    convert("quality", flat, tmp_path / "w.safetensors")

    assert (tmp_path / "w.safetensors").exists()


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_the_digest_of_each_source_file_is_recorded(pack, released: Path, tmp_path: Path) -> None:
    convert("hr", pack(released), tmp_path / "w.safetensors")

    metadata = read_metadata(tmp_path / "w.safetensors")
    file = released / "checkpoints" / "restoration" / "mapping_Patch_Attention"
    content = (file / "latest_net_mapping_net.pth").read_bytes()
    assert metadata["mapping.sha256"] == hashlib.sha256(content).hexdigest()
    assert {"vae_a.sha256", "vae_b.sha256"} < metadata.keys()
    assert metadata["network"] == "triplet-paper-hr"


def test_a_missing_entry_is_named(released: Path, tmp_path: Path) -> None:
    change(released, "mapping_quality", **{"model.9.bias": None})

    with pytest.raises(WeightsMismatch, match=r"mapping_quality.* missing: model\.9\.bias"):
        convert("quality", released, tmp_path / "w.safetensors")

    assert not (tmp_path / "w.safetensors").exists()


def test_an_unknown_entry_is_named(released: Path, tmp_path: Path) -> None:
    change(released, "VAE_B_scratch", **{"encoder.14.weight": torch.zeros(1)})

    with pytest.raises(WeightsMismatch, match=r"VAE_B_scratch.* unknown: encoder\.14\.weight"):
        convert("scratch", released, tmp_path / "w.safetensors")


def test_an_entry_of_another_shape_is_named(released: Path, tmp_path: Path) -> None:
    change(released, "VAE_A_quality", **{"encoder.1.bias": torch.zeros(7)})

    with pytest.raises(WeightsMismatch, match=r"encoder\.1\.bias is \(7,\), not \(2,\)"):
        convert("quality", released, tmp_path / "w.safetensors")


def test_idle_buffers_of_early_torch_are_left_out(released: Path, tmp_path: Path) -> None:
    change(released, "VAE_A_quality", **{"encoder.2.running_mean": torch.zeros(2)})

    convert("quality", released, tmp_path / "w.safetensors")

    load_network(lambda: PaperTriplet("quality", WIDTH), tmp_path / "w.safetensors")


def test_a_missing_file_is_named(released: Path, tmp_path: Path) -> None:
    (released / "checkpoints" / "restoration" / checkpoint.member("VAE_B_scratch")).unlink()

    with pytest.raises(FileNotFoundError, match=r"holds no VAE_B_scratch/latest_net_G\.pth"):
        convert("hr", released, tmp_path / "w.safetensors")


def test_two_files_of_one_network_are_named(released: Path, tmp_path: Path) -> None:
    (released / "VAE_A_quality.pth").write_bytes(b"")
    other = released / "copy" / checkpoint.member("VAE_A_quality")
    other.parent.mkdir(parents=True)
    other.write_bytes(b"")

    with pytest.raises(FileNotFoundError, match="several files for VAE_A_quality"):
        convert("quality", released, tmp_path / "w.safetensors")


def test_a_single_file_is_not_enough(released: Path, tmp_path: Path) -> None:
    source = released / "checkpoints" / "restoration" / checkpoint.member("mapping_quality")

    with pytest.raises(ValueError, match="a mode needs three files"):
        convert("quality", source, tmp_path / "w.safetensors")


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        convert("quality", tmp_path / "absent", tmp_path / "w.safetensors")


def test_an_empty_file_is_an_error_that_names_it(released: Path, tmp_path: Path) -> None:
    (released / "checkpoints" / "restoration" / checkpoint.member("VAE_A_quality")).write_bytes(b"")

    with pytest.raises(ValueError, match=r"VAE_A_quality/latest_net_G\.pth is empty or cut off"):
        convert("quality", released, tmp_path / "w.safetensors")


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_code_in_a_checkpoint_is_not_run(released: Path, tmp_path: Path) -> None:
    path = released / "checkpoints" / "restoration" / checkpoint.member("VAE_A_quality")
    torch.save({"encoder.1.weight": Trap(tmp_path / "trapped")}, path)

    with pytest.raises(ValueError, match="because it could run code"):
        convert("quality", released, tmp_path / "w.safetensors")

    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("mode", MODES)
def test_the_importer_of_a_mode_converts_that_mode(
    mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(checkpoint, "import_mode", lambda *given: asked.extend(given))

    getattr(checkpoint, f"import_paper_{mode}")(tmp_path, tmp_path / "w")

    assert asked == [mode, tmp_path, tmp_path / "w"]
