"""The classifier tells domains apart where they differ, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from archivist_torch.device import Compute
from archivist_torch.weights import WeightsMismatch, save_weights
from archivist_triplet.alignment import MIXES, accuracy, crops, measure, read_vae_a
from archivist_triplet.compact import Vae
from archivist_triplet.samples import Material
from archivist_triplet.training.vae_stage import Pair


def domain(shift: float, count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 4, 8, 8, generator=generator) + shift


def test_domains_that_differ_are_told_apart() -> None:
    learnt, judged = (domain(0.5, 64, 1), domain(0, 64, 2)), (domain(0.5, 40, 3), domain(0, 40, 4))

    assert accuracy(lambda x: x, learnt, judged, seed=1) > 0.9


def test_equal_domains_are_not_told_apart() -> None:
    learnt, judged = (domain(0, 64, 1), domain(0, 64, 2)), (domain(0, 80, 3), domain(0, 80, 4))

    assert 0.3 < accuracy(lambda x: x, learnt, judged, seed=1) < 0.7


def test_global_random_state_is_left_as_it_was() -> None:
    before = torch.get_rng_state()
    accuracy(lambda x: x, (domain(0, 8, 1),) * 2, (domain(0, 8, 2),) * 2, seed=1)

    assert torch.equal(before, torch.get_rng_state())


def test_vae1_is_found_among_other_networks(tmp_path: Path) -> None:
    torch.manual_seed(0)
    pair = Pair()
    save_weights(pair.state_dict(), tmp_path / "pair.safetensors")

    read = read_vae_a(tmp_path / "pair.safetensors")

    assert torch.equal(read.encoder.mean.weight, pair.vae_a.encoder.mean.weight)


def test_a_file_without_vae1_is_named(tmp_path: Path) -> None:
    save_weights(Vae().state_dict(), tmp_path / "other.safetensors")

    with pytest.raises(WeightsMismatch, match=r"other\.safetensors \(vae_a\.\*\).*missing"):
        read_vae_a(tmp_path / "other.safetensors")


def test_as_many_prints_as_synthetic_pictures_are_compared(data: Path) -> None:
    prints, aged = crops(Material.read(data, "train"), 5, seed=1)

    assert prints.shape == aged.shape == (5, 3, 128, 128)


def test_synthetic_pictures_like_prints_are_not_those_of_training(data: Path) -> None:
    material = Material.read(data, "train")
    like, training = (crops(material, 4, 1, mix) for mix in MIXES)

    assert torch.equal(like[0], training[0])
    assert not torch.equal(like[1], training[1])


def test_a_measurement_repeats(data: Path, cpu: Compute, tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "pair.safetensors"
    save_weights(Pair().state_dict(), path)
    train, held_out = (Material.read(data, split) for split in ("train", "val"))

    first, second = (measure(path, train, held_out, cpu, counts=(8, 4)) for _ in range(2))

    assert first == second
    assert 0 <= first.latents <= 1
