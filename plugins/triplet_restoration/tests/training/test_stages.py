"""Both stages train what they should, leave the rest alone, and go on exactly where they were."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from archivist_torch.device import Compute
from archivist_torch.training import Settings, Trainer
from archivist_triplet.compact import Triplet
from archivist_triplet.training.lessons import ToneLessons
from archivist_triplet.training.mapping_stage import MappingTask, begun, frozen, optimisers
from archivist_triplet.training.source import Source
from archivist_triplet.training.vae_stage import Pair, VaeTask
from archivist_triplet.training.validation import Validation


class Likeness(nn.Module):
    """Stands for the perceptual loss."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (a.float() - b).abs().mean()


def vae_task(source: Source, validation: Validation, *, align: bool = True) -> VaeTask:
    torch.manual_seed(0)
    return VaeTask(source, validation, Likeness(), align=align, latent=16)


def mapping_task(source: Source, validation: Validation) -> MappingTask:
    torch.manual_seed(0)
    lessons = ToneLessons(small_triplet(), source, validation.compute, 12)
    torch.manual_seed(0)
    return MappingTask(source, validation, Likeness(), lessons)


def small_triplet() -> Triplet:
    torch.manual_seed(1)
    return frozen(Triplet(latent=16, widths=(16, 24, 24)))


def trainer(
    network: nn.Module, task: VaeTask | MappingTask, out: Path, cpu: Compute, steps: int
) -> Trainer:
    settings = Settings(minutes=1e9, batch=4, matrix_rate=0.02, warmup_steps=1, steps=steps)
    own = optimisers(network, rate=1e-3, matrix_rate=0.01) if isinstance(network, Triplet) else None
    return Trainer(network, task, settings, out, cpu, moved_by=own)


def test_both_auto_encoders_begin_alike() -> None:
    pair = Pair(latent=16)

    for a, b in zip(pair.vae_a.parameters(), pair.vae_b.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a is not b


def test_alignment_moves_the_encoder_through_real_prints_alone(
    source: Source, validation: Validation
) -> None:
    task = vae_task(source, validation)
    mean = torch.randn(4, 16, 8, 8, requires_grad=True)

    task._aligned(mean).backward()

    assert mean.grad is not None
    assert mean.grad[:2].abs().sum() > 0
    assert mean.grad[2:].abs().sum() == 0


def test_real_latents_are_the_fakes_of_the_latent_discriminator(
    source: Source, validation: Validation
) -> None:
    task = vae_task(source, validation)
    mean = torch.randn(4, 16, 8, 8)

    task._aligned(mean)

    judge, made, real = task._shown[-1]
    assert judge is task.latents
    assert torch.equal(made, mean[:2])
    assert torch.equal(real, mean[2:])


def test_without_alignment_no_print_is_looked_at(source: Source, validation: Validation) -> None:
    task = vae_task(source, validation, align=False)
    samples = source.samples(source.batch(range(4)))

    assert torch.equal(task._old(samples), samples.aged)
    assert len(task.rivals) == 1


def test_with_alignment_half_of_the_old_pictures_are_prints(
    source: Source, validation: Validation
) -> None:
    samples = source.samples(source.batch(range(4)))
    old = vae_task(source, validation)._old(samples)

    assert torch.equal(old[:2], samples.prints[:2])
    assert torch.equal(old[2:], samples.aged[2:])


def test_auto_encoders_learn_to_reconstruct(
    source: Source, validation: Validation, cpu: Compute, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    run = trainer(Pair(latent=16), vae_task(source, validation), tmp_path / "run", cpu, 30)
    before = validation.of_vaes(run.network.eval())["score"]

    run.run()

    assert validation.of_vaes(run.network.eval())["score"] > before + 3


def test_the_mapping_learns_and_the_auto_encoders_stay(
    source: Source, validation: Validation, cpu: Compute, tmp_path: Path
) -> None:
    run = trainer(small_triplet(), mapping_task(source, validation), tmp_path / "run", cpu, 2)
    run.run()
    before, after = small_triplet().state_dict(), run.network.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}

    assert changed == {"mapping"}


def test_a_mapping_begins_by_handing_clean_pictures_on() -> None:
    torch.manual_seed(2)
    pair = Pair(latent=16)
    with torch.no_grad():  # a space turned against that of VAE1, as two trainings give
        turn = torch.linalg.qr(torch.randn(16, 16)).Q
        pair.vae_b.encoder.mean.weight.copy_(
            (turn @ pair.vae_b.encoder.mean.weight[:, :, 0, 0])[:, :, None, None]
        )
        pair.vae_b.encoder.mean.bias.copy_(turn @ pair.vae_b.encoder.mean.bias)
    clean = torch.rand(2, 3, 64, 64) * 2 - 1

    network = begun(pair, clean).eval()

    wanted = network.vae_b.encoder(clean)
    mapped = network.mapping(network.vae_a.encoder(clean), torch.zeros(2, 1, 16, 16))
    assert (mapped - wanted).abs().max() < 0.01 * wanted.abs().max()


def test_muon_moves_neither_the_steering_nor_what_makes_the_latent() -> None:
    network = small_triplet()
    muon, adam = optimisers(network, rate=1e-3, matrix_rate=0.01)
    moved = {id(w) for group in muon.param_groups for w in group["params"]}
    others = {id(w) for group in adam.param_groups for w in group["params"]}

    outer = (network.mapping.straight.weight, network.mapping.leave.weight)
    assert not moved & {id(w) for w in outer}
    assert all(w.ndim == 4 for group in muon.param_groups for w in group["params"])
    assert moved | others == {id(w) for w in network.mapping.parameters()}


@pytest.mark.parametrize("stage", ["vae", "mapping"])
def test_a_resumed_stage_equals_an_undisturbed_one(
    stage: str, source: Source, validation: Validation, cpu: Compute, tmp_path: Path
) -> None:
    def begin(folder: str) -> Trainer:
        if stage == "vae":
            task: VaeTask | MappingTask = vae_task(source, validation)
            torch.manual_seed(1)
            return trainer(Pair(latent=16), task, tmp_path / folder, cpu, 4)
        return trainer(small_triplet(), mapping_task(source, validation), tmp_path / folder, cpu, 4)

    whole = begin("whole")
    whole.run()
    first = begin("parts")
    batches = first._batches()
    for _ in range(2):
        first._step(next(batches))
    first._checkpoint()
    second = begin("parts")
    torch.manual_seed(99)
    second.resume()
    second.run()

    for a, b in (
        (whole.network, second.network),
        (whole.average, second.average),
        (whole.rivals, second.rivals),
    ):
        assert a is not None
        assert b is not None
        for name, value in a.state_dict().items():
            assert torch.equal(value, b.state_dict()[name]), name


def test_judging_before_anything_was_made_is_an_error(
    source: Source, validation: Validation
) -> None:
    with pytest.raises(RuntimeError, match=r"call loss\(\) first"):
        mapping_task(source, validation).rival_loss()
