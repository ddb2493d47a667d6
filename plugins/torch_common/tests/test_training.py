"""The training loop stops in time, keeps the best weights, and goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archivist_torch.device import Compute
from archivist_torch.training import Sample, Settings, Trainer
from archivist_torch.weights import load_weights

CPU = Compute(torch.device("cpu"), torch.float32, "test")


class Doubling:
    """Learn to double a number; remembers which samples were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def sample(self, index: int) -> Sample:
        self.asked.append(index)
        value = np.random.default_rng(index).random((1, 2, 2), np.float32)
        return value, 2 * value

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return (network(batch[0]) - batch[1]).square().mean()

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        with torch.no_grad():
            return {"score": -abs(2 - network(torch.ones(1, 1, 1, 1)).item())}


class Guessing(Doubling):
    """The same in whole batches, with noise, and with a rival that rates what was made."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[int]] = []
        torch.manual_seed(1)
        self.rivals = nn.Conv2d(1, 1, 1)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        self.batches.append(list(indices))
        values, doubles = zip(*(self.sample(index) for index in indices), strict=True)
        return torch.from_numpy(np.stack(values)), torch.from_numpy(np.stack(doubles))

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        made = network(batch[0] + 0.1 * torch.randn_like(batch[0]))
        self.made, self.real = made.detach(), batch[1]
        return (made - batch[1]).square().mean() - 0.01 * self.rivals(made).mean()

    def rival_loss(self) -> Tensor:
        return self.rivals(self.made).square().mean() + (1 - self.rivals(self.real)).square().mean()


class Failing(Doubling):
    """Has no finite loss at its second step."""

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        loss = super().loss(network, batch)
        return loss * float("nan") if 2 in self.asked[-2:] else loss


class Clock:
    """A clock that advances by ten seconds each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


def trainer(out: Path, task: Doubling, **settings: float | int) -> Trainer:
    torch.manual_seed(0)
    defaults = {"minutes": 60.0, "batch": 2, "rate": 0.05, "warmup_steps": 1, "average": 0.5}
    chosen = Settings(**{**defaults, **settings})  # type: ignore[arg-type]
    return Trainer(nn.Conv2d(1, 1, 1), task, chosen, out, CPU, clock=Clock())


def test_a_run_learns_and_keeps_its_best_weights(tmp_path: Path) -> None:
    progress = trainer(tmp_path, Doubling(), steps=300).run()

    facts = load_weights(nn.Conv2d(1, 1, 1), tmp_path / "best.safetensors")
    assert progress.best > -0.2
    assert float(facts["score"]) > -0.2


def test_the_last_weights_are_kept_beside_the_best(tmp_path: Path) -> None:
    run = trainer(tmp_path, Doubling(), steps=5)
    run.run()

    last = nn.Conv2d(1, 1, 1)
    load_weights(last, tmp_path / "last.safetensors")
    assert torch.equal(last.weight, run.average.weight)


def test_the_time_budget_is_honoured(tmp_path: Path) -> None:
    progress = trainer(tmp_path, Doubling(), minutes=2.0).run()

    assert progress.step == 12  # each step takes ten seconds of this clock


def test_a_resumed_run_goes_on_with_the_next_sample(tmp_path: Path) -> None:
    trainer(tmp_path, Doubling(), steps=3).run()
    task = Doubling()
    again = trainer(tmp_path, task, steps=5)

    assert again.resume()
    assert again.run().step == 5
    assert task.asked == [6, 7, 8, 9]


def test_a_resumed_run_equals_an_undisturbed_one(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", Doubling(), steps=6, minutes=1e9)
    whole.run()
    first = trainer(tmp_path / "parts", Doubling(), steps=6, minutes=1e9)
    batches = first._batches()
    for _ in range(3):
        first._step(next(batches))
    first._checkpoint()
    second = trainer(tmp_path / "parts", Doubling(), steps=6, minutes=1e9)
    second.resume()
    second.run()

    assert torch.equal(whole.network.weight, second.network.weight)
    assert torch.equal(whole.average.weight, second.average.weight)


def test_resuming_without_a_checkpoint_begins_anew(tmp_path: Path) -> None:
    assert not trainer(tmp_path, Doubling()).resume()


def test_a_task_that_makes_whole_batches_is_asked_for_them(tmp_path: Path) -> None:
    task = Guessing()
    trainer(tmp_path, task, steps=2).run()
    again = Guessing()
    resumed = trainer(tmp_path, again, steps=3)
    resumed.resume()
    resumed.run()

    assert task.batches == [[0, 1], [2, 3]]
    assert again.batches == [[4, 5]]


def test_rivals_learn_beside_the_network(tmp_path: Path) -> None:
    task = Guessing()
    before = task.rivals.weight.clone()
    run = trainer(tmp_path, task, steps=1)
    run.run()

    assert not torch.equal(task.rivals.weight, before)
    assert all(weight.grad is None or weight.requires_grad for weight in task.rivals.parameters())


def test_the_loss_of_the_network_moves_no_rival(tmp_path: Path) -> None:
    task = Guessing()
    before = task.rivals.weight.clone()
    trainer(tmp_path, task, steps=1, rival_rate=0.0).run()

    assert torch.equal(task.rivals.weight, before)


def test_a_resumed_run_with_rivals_equals_an_undisturbed_one(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", Guessing(), steps=6, minutes=1e9)
    whole.run()
    first = trainer(tmp_path / "parts", Guessing(), steps=6, minutes=1e9)
    batches = first._batches()
    for _ in range(3):
        first._step(next(batches))
    first._checkpoint()
    second = trainer(tmp_path / "parts", Guessing(), steps=6, minutes=1e9)
    torch.manual_seed(77)
    second.resume()
    second.run()

    assert torch.equal(whole.network.weight, second.network.weight)
    assert torch.equal(whole.task.rivals.weight, second.task.rivals.weight)


def test_a_step_without_a_finite_gradient_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = trainer(tmp_path, Failing(), steps=3)
    run.run()

    assert bool(torch.isfinite(run.network.weight).all())
    assert "left out" in caplog.text


def test_every_validation_is_a_line_of_the_log(tmp_path: Path) -> None:
    trainer(tmp_path, Doubling(), minutes=4.0, validate_minutes=2.0).run()

    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [12, 24, 24]
    assert {"score", "loss", "pace", "minutes"} <= set(rows[0])
