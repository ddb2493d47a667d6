"""Both stages train what they should, leave the rest alone, and go on exactly where they were."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from archivist_torch.device import Compute
from archivist_torch.optimisers import optimisers as plain_optimisers
from archivist_torch.training import Settings, Trainer
from archivist_torch.weights import WeightsMismatch, save_weights
from archivist_triplet.compact import Encoder, Triplet
from archivist_triplet.training.discriminators import StatisticsJudge, telling_apart
from archivist_triplet.training.lessons import ToneLessons
from archivist_triplet.training.mapping_stage import (
    MappingTask,
    begun,
    continued,
    frozen,
    optimisers,
)
from archivist_triplet.training.source import Source
from archivist_triplet.training.vae_stage import Pair, VaeTask, monochrome
from archivist_triplet.training.validation import Validation


class Likeness(nn.Module):
    """Stands for the perceptual loss."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (a.float() - b).abs().mean()


def vae_task(
    source: Source, validation: Validation, *, align: bool = True, kept: Encoder | None = None
) -> VaeTask:
    torch.manual_seed(0)
    return VaeTask(source, validation, Likeness(), align=align, kept=kept, latent=16)


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
    prints, synthetic = (torch.randn(2, 16, 8, 8, requires_grad=True) for _ in range(2))

    torch.stack(list(task._aligned(prints, synthetic).values())).sum().backward()

    assert prints.grad is not None
    assert prints.grad.abs().sum() > 0
    assert synthetic.grad is None


def test_real_latents_are_the_fakes_of_both_judges(source: Source, validation: Validation) -> None:
    task = vae_task(source, validation)
    prints, synthetic = torch.randn(3, 16, 8, 8), torch.randn(2, 16, 8, 8)

    task._aligned(prints, synthetic)

    assert [judge for judge, *_ in task._shown] == [task.latents, task.statistics]
    for _, made, real in task._shown:
        assert torch.equal(made, prints)
        assert torch.equal(real, synthetic)


def test_only_the_judges_own_step_moves_its_running_means(
    source: Source, validation: Validation
) -> None:
    task = vae_task(source, validation)
    task._shown = []
    task._aligned(torch.randn(3, 16, 8, 8) + 2, torch.randn(3, 16, 8, 8) + 2)
    before = task.statistics.mean.clone()

    task.rival_loss()

    assert not before.any()
    assert (task.statistics.mean > 0.05).all()


def test_a_judge_of_statistics_learns_what_no_single_place_shows() -> None:
    torch.manual_seed(3)
    judge = StatisticsJudge(4, width=8)
    wide, narrow = torch.randn(32, 4, 8, 8), 0.8 * torch.randn(32, 4, 8, 8)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=3e-3)
    for _ in range(60):
        judge.follow(wide, narrow)
        optimiser.zero_grad()
        telling_apart(judge, wide, narrow).backward()
        optimiser.step()

    assert (judge(narrow)[0] > 0.5).float().mean() > 0.9
    assert (judge(wide)[0] < 0.5).float().mean() > 0.9


def test_a_batch_without_monochromes_aligns_nothing(source: Source, validation: Validation) -> None:
    task = vae_task(source, validation)

    assert task._aligned(torch.randn(3, 16, 8, 8), torch.randn(0, 16, 8, 8)) == {}


def test_all_prints_are_compared_with_all_monochromes_of_a_batch(
    source: Source, validation: Validation
) -> None:
    task, pair = vae_task(source, validation), Pair(latent=16)
    samples = source.samples(source.batch(range(6)))
    grey = monochrome(samples.truth)
    mean = pair.vae_a.encoder(task._old(samples))

    prints, synthetic = task._compared(pair.vae_a, mean, samples)

    assert 0 < grey.sum() < 6
    assert torch.allclose(prints, pair.vae_a.encoder(samples.prints), atol=1e-5)
    assert torch.allclose(synthetic, pair.vae_a.encoder(samples.aged[grey]), atol=1e-5)


def test_monochromes_are_told_by_their_truth() -> None:
    grey = torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)
    colour = grey.clone()
    colour[:, 0, 4, 4] += 0.5

    assert monochrome(torch.cat([grey, colour])).tolist() == [True, False]


def test_vae2_is_left_alone_where_it_is_given(
    source: Source, validation: Validation, cpu: Compute, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    pair = Pair(latent=16)
    task = vae_task(source, validation, kept=copy.deepcopy(pair.vae_a.encoder))
    before = {name: w.clone() for name, w in pair.state_dict().items()}
    own = plain_optimisers(pair.vae_a, rate=1e-3, matrix_rate=0.01)
    settings = Settings(minutes=1e9, batch=4, warmup_steps=1, steps=1)
    Trainer(pair, task, settings, tmp_path / "run", cpu, moved_by=own).run()
    after = pair.state_dict()

    assert {n.split(".")[0] for n in before if not torch.equal(before[n], after[n])} == {"vae_a"}


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


def saved(network: Triplet, path: Path) -> Path:
    save_weights(network.state_dict(), path)
    return path


def test_a_mapping_goes_on_as_it_was_with_the_same_auto_encoders(tmp_path: Path) -> None:
    network = Triplet().eval()
    path = saved(network, tmp_path / "triplet.safetensors")
    pair = Pair()
    pair.vae_a.load_state_dict(network.vae_a.state_dict())
    pair.vae_b.load_state_dict(network.vae_b.state_dict())
    old, none = torch.rand(4, 3, 96, 96) * 2 - 1, torch.zeros(4, 1, 96, 96)

    with torch.no_grad():
        again = continued(path, pair, old).eval()(old, none)

    assert (again - network(old, none)).abs().max() < 0.02


def test_a_mapping_takes_in_an_affine_change_of_latents(tmp_path: Path) -> None:
    """New latents are the old ones turned and moved; the result stays, but for the border."""
    torch.manual_seed(5)
    network = Triplet().eval()
    path = saved(network, tmp_path / "triplet.safetensors")
    pair = Pair()
    pair.vae_a.load_state_dict(network.vae_a.state_dict())
    pair.vae_b.load_state_dict(network.vae_b.state_dict())
    turn = torch.linalg.qr(torch.randn(64, 64)).Q
    old, none = torch.rand(4, 3, 128, 128) * 2 - 1, torch.zeros(4, 1, 128, 128)
    with torch.no_grad():
        mean = pair.vae_a.encoder.mean
        mean.weight.copy_((turn @ mean.weight[:, :, 0, 0])[:, :, None, None])
        mean.bias.copy_(turn @ mean.bias + 0.1)

        before, after = (one(old, none) for one in (network, continued(path, pair, old).eval()))

    inner = (..., slice(48, 80), slice(48, 80))
    assert (before - after)[inner].abs().max() < 0.03 * before.std()


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    state = Triplet().state_dict()
    state.pop("mapping.leave.bias")
    save_weights(state, tmp_path / "part.safetensors")

    with pytest.raises(WeightsMismatch, match=r"mapping\.leave\.bias"):
        continued(tmp_path / "part.safetensors", Pair(), torch.zeros(1, 3, 64, 64))


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
