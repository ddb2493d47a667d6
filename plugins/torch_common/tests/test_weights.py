"""Weight files are read strictly and without running code."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from archivist_torch.weights import (
    WeightsMismatch,
    convert,
    digest,
    load_network,
    load_weights,
    read_checkpoint,
    save_weights,
    unwrapped,
)


def tiny() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_weights(tiny().state_dict(), path, {"seed": "1"})
    return path


def test_a_saved_network_comes_back_with_its_metadata(saved: Path) -> None:
    network = tiny()

    assert load_weights(network, saved) == {"seed": "1"}


def test_half_precision_is_widened_on_loading(tmp_path: Path) -> None:
    path, network = tmp_path / "half.safetensors", tiny()

    save_weights(network.state_dict(), path, dtype=torch.float16)

    loaded = load_network(tiny, path)
    assert loaded[0].weight.dtype is torch.float32
    assert torch.allclose(loaded[0].weight, network[0].weight, atol=1e-3)


def test_loading_a_network_draws_no_random_number(saved: Path) -> None:
    before = torch.get_rng_state()

    load_network(tiny, saved)

    assert torch.equal(before, torch.get_rng_state())


def test_a_missing_entry_is_an_error_that_names_it(tmp_path: Path) -> None:
    state = dict(tiny().state_dict())
    del state["0.bias"]
    path = tmp_path / "part.safetensors"
    save_weights(state, path)

    with pytest.raises(WeightsMismatch, match=r"missing: 0\.bias"):
        load_weights(tiny(), path)


def test_an_unknown_entry_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "more.safetensors"
    save_weights({**tiny().state_dict(), "extra": torch.zeros(1)}, path)

    with pytest.raises(WeightsMismatch, match="unknown: extra"):
        load_weights(tiny(), path)


def test_a_wrong_shape_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    save_weights({**tiny().state_dict(), "0.bias": torch.zeros(3)}, path)

    with pytest.raises(WeightsMismatch, match=r"0\.bias is \(3,\), not \(2,\)"):
        load_weights(tiny(), path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.safetensors"
    path.write_text("no weights")

    with pytest.raises(ValueError, match="no safetensors file"):
        load_weights(tiny(), path)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"model_state": Path("/")}, path)  # a class that is not on torch's list

    with pytest.raises(Exception, match="holds more than tensors"):
        read_checkpoint(path)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_checkpoint_inside_an_archive_is_found_by_its_path(tmp_path: Path, wrapped: bool) -> None:
    network = tiny()
    state = {"model_state": network.state_dict()} if wrapped else network.state_dict()
    torch.save(state, tmp_path / "net.pt")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "net.pt", "checkpoints/detection/net.pt")
        archive.writestr("checkpoints/other/net.pt", b"")

    found = convert(tmp_path / "all.zip", tmp_path / "net.safetensors", tiny(), "detection/net.pt")

    assert found == digest(tmp_path / "net.safetensors")
    loaded = load_network(tiny, tmp_path / "net.safetensors")
    assert torch.equal(loaded[0].weight, network[0].weight)


def test_a_checkpoint_inside_a_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    torch.save(tiny().state_dict(), tmp_path / "deep" / "net.pth")

    assert "0.weight" in read_checkpoint(tmp_path)


def test_an_archive_without_the_checkpoint_says_what_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.pt", b"")

    with pytest.raises(FileNotFoundError, match=r"found: a\.pt"):
        read_checkpoint(tmp_path / "all.zip", "b.pt")


def test_an_empty_checkpoint_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "net.pth").touch()

    with pytest.raises(ValueError, match="empty or cut off"):
        read_checkpoint(tmp_path / "net.pth")


def test_the_wrapper_of_several_devices_goes_only_when_every_name_has_it() -> None:
    value = torch.zeros(1)

    assert list(unwrapped({"module.a": value, "module.b": value})) == ["a", "b"]
    assert list(unwrapped({"module.a": value, "b": value})) == ["module.a", "b"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("passwd", b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"),
        ("letter.txt", b"Dear Sir,\nplease find enclosed the photographs.\n"),
        ("picture.pt", b"\xff\xd8\xff\xe0\x00\x10JFIF"),
        ("cut.safetensors", b"garbage"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_whatever_its_bytes(tmp_path, name, content):
    source = tmp_path / name
    source.write_bytes(content)

    with pytest.raises(ValueError, match=f"{name} is "):
        read_checkpoint(source)
