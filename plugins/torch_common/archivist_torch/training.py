"""A training loop that can stop at any moment and go on: time budget, checkpoints, log.

The loop knows nothing of pictures. A :class:`Task` makes samples by number, computes the loss and
validates; so a run of ``--minutes 30`` continued to ``--minutes 90`` sees the samples that one of
90 minutes sees. A task that is also :class:`Batched` makes a whole batch at once, one that is also
:class:`Adversarial` has discriminators to be trained beside the network. In the folder of a run
lie:

- ``checkpoint.pt``: network, running mean of its weights, discriminators, optimisers, random
  state, progress;
- ``best.safetensors``: the running mean with the best validation ``score`` so far;
- ``last.safetensors``: the running mean at the last validation;
- ``log.jsonl``: one line for each validation.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from archivist_torch.device import Compute
from archivist_torch.optimisers import optimisers
from archivist_torch.weights import save_weights

LOG = logging.getLogger(__name__)

RIVAL_BETAS = (0.5, 0.99)
"""Of AdamW for discriminators: half the usual memory, since their target moves."""
Sample = tuple[NDArray[Any], ...]
Batch = tuple[Tensor, ...]


class Objective(Protocol):
    """What is trained for."""

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of a batch, whose arrays were stacked and moved to the device."""

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return figures of a network in evaluation mode; ``score`` (higher is better) decides."""


class Task(Objective, Protocol):
    """What is trained for, on samples made one by one."""

    def sample(self, index: int) -> Sample:
        """Return the arrays of sample ``index``; the same for the same index."""


@runtime_checkable
class Batched(Objective, Protocol):
    """What is trained for, on batches that are cheaper to make as a whole."""

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return the tensors of these samples; called in a worker process where there are any."""


@runtime_checkable
class Adversarial(Protocol):
    """What a task is besides, when discriminators judge what its network makes."""

    rivals: nn.Module

    def rival_loss(self) -> Tensor:
        """Return the discriminators' loss on what the last call of ``loss`` made, detached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How long and how fast.

    ``minutes`` is the budget of the whole run, all its sittings together; the learning rate falls
    along it to a hundredth in half a cosine, from ``rate`` (AdamW) and ``matrix_rate`` (Muon, for
    convolutions; 0 leaves all to AdamW). ``steps`` ends a run earlier (tests).
    ``workers`` processes make samples; 0 makes them in this one. ``rival_rate`` is the learning
    rate of discriminators (AdamW).
    """

    minutes: float
    batch: int = 8
    rate: float = 2e-3
    matrix_rate: float = 0.0
    average: float = 0.998
    warmup_steps: int = 100
    validate_minutes: float = 4.0
    steps: int | None = None
    workers: int = 0
    rival_rate: float = 4e-4


@dataclass(slots=True)
class Progress:
    """How far a run is."""

    step: int = 0
    seconds: float = 0.0
    best: float = -math.inf
    losses: list[float] = field(default_factory=list)


class Trainer:
    """One run: a network, its task and the folder where everything about it is kept."""

    def __init__(
        self,
        network: nn.Module,
        task: Task | Batched,
        settings: Settings,
        out: Path,
        compute: Compute,
        *,
        facts: Mapping[str, str] | None = None,
        moved_by: Sequence[torch.optim.Optimizer] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a run in folder ``out``; ``facts`` are written into the weight file.

        ``moved_by`` are optimisers of the network's weights in place of the usual ones.
        """
        self.task, self.settings, self.out, self.compute = task, settings, out, compute
        self.facts, self.clock = dict(facts or {}), clock
        layout = torch.channels_last
        self.network = network.to(compute.device, memory_format=layout)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval()
        self.optimisers = list(moved_by or ()) or optimisers(
            self.network, rate=settings.rate, matrix_rate=settings.matrix_rate
        )
        self.rivals = task.rivals.to(compute.device) if isinstance(task, Adversarial) else None
        self.rival_optimisers = [
            torch.optim.AdamW(rivals.parameters(), lr=settings.rival_rate, betas=RIVAL_BETAS)
            for rivals in [self.rivals]
            if rivals is not None
        ]
        self.full_rates = [group["lr"] for group in self._groups()]
        self.progress = Progress()
        out.mkdir(parents=True, exist_ok=True)

    def run(self) -> Progress:
        """Train until the budget is spent, validating and saving on the way and at the end."""
        begun, before = self.clock(), self.progress.seconds
        next_save = before + self.settings.validate_minutes * 60
        batches = self._batches()
        while not self._spent():
            self._step(next(batches))
            self.progress.seconds = before + self.clock() - begun
            if self.progress.seconds >= next_save:
                self._validate_and_save()
                next_save += self.settings.validate_minutes * 60
        self._validate_and_save()
        return self.progress

    def resume(self) -> bool:
        """Continue from the checkpoint in the folder; return False when there is none."""
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.compute.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimiser, kept in zip(self._all_optimisers(), state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        if self.rivals is not None:
            self.rivals.load_state_dict(state["rivals"])
        torch.set_rng_state(state["random"].cpu())
        if self.compute.device.type == "cuda":
            torch.cuda.set_rng_state(state["device_random"].cpu(), self.compute.device)
        self.progress = Progress(state["step"], state["seconds"], state["best"])
        LOG.info("resumed at step %d after %.1f min", state["step"], state["seconds"] / 60)
        return True

    def _spent(self) -> bool:
        steps = self.settings.steps
        return self.progress.seconds >= self.settings.minutes * 60 or (
            steps is not None and self.progress.step >= steps
        )

    def _step(self, batch: Batch) -> None:
        self.network.train()
        for group, full in zip(self._groups(), self.full_rates, strict=True):
            group["lr"] = full * self._pace()
        if self.rivals is not None:
            self.rivals.requires_grad_(False)
        with self.compute.autocast():
            loss = self.task.loss(self.network, batch)
        self._move(self.network, loss, self.optimisers)
        if isinstance(self.task, Adversarial):
            self._step_rivals(self.task)
        self.progress.step += 1
        self.progress.losses.append(loss.item())
        self._follow()

    def _step_rivals(self, task: Adversarial) -> None:
        task.rivals.requires_grad_(True)
        with self.compute.autocast():
            loss = task.rival_loss()
        self._move(task.rivals, loss, self.rival_optimisers)

    def _move(
        self, module: nn.Module, loss: Tensor, optimisers: Sequence[torch.optim.Optimizer]
    ) -> None:
        module.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        if not torch.isfinite(norm):
            LOG.warning("step %d left out: its gradient is not finite", self.progress.step)
            return
        for optimiser in optimisers:
            optimiser.step()

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimiser in self._all_optimisers() for group in optimiser.param_groups]

    def _all_optimisers(self) -> list[torch.optim.Optimizer]:
        return [*self.optimisers, *self.rival_optimisers]

    def _pace(self) -> float:
        """Return the share of the full learning rate that is due now."""
        spent = self.progress.seconds / (self.settings.minutes * 60)
        if self.settings.steps is not None:
            spent = max(spent, self.progress.step / self.settings.steps)
        falling = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, spent)))
        rising = min(1.0, (self.progress.step + 1) / self.settings.warmup_steps)
        return falling * rising

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the running mean a little towards the network; early on it follows faster."""
        keep = min(self.settings.average, (1 + self.progress.step) / (10 + self.progress.step))
        for mean, new in zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - keep)
            else:
                mean.copy_(new)

    def _validate_and_save(self) -> None:
        figures = dict(self.task.validate(self.average))
        recent = self.progress.losses
        row = {
            "step": self.progress.step,
            "minutes": round(self.progress.seconds / 60, 2),
            "pace": round(self._pace(), 5),
            "loss": float(np.mean(recent)) if recent else None,
            **figures,
        }
        self.progress.losses = []
        LOG.info("%s", json.dumps(row))
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        facts = self.facts | {k: f"{v:.6g}" for k, v in row.items() if v is not None}
        save_weights(self.average.state_dict(), self.out / "last.safetensors", facts)
        if figures["score"] > self.progress.best:
            self.progress.best = figures["score"]
            save_weights(self.average.state_dict(), self.out / "best.safetensors", facts)
        self._checkpoint()

    def _checkpoint(self) -> None:
        part = self.out / "checkpoint.part"
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._all_optimisers()],
            "random": torch.get_rng_state(),
            "step": self.progress.step,
            "seconds": self.progress.seconds,
            "best": self.progress.best,
        }
        if self.rivals is not None:
            state["rivals"] = self.rivals.state_dict()
        if self.compute.device.type == "cuda":
            state["device_random"] = torch.cuda.get_rng_state(self.compute.device)
        torch.save(state, part)
        part.replace(self.out / "checkpoint.pt")

    def _batches(self) -> Iterator[Batch]:
        first, size = self.progress.step * self.settings.batch, self.settings.batch
        whole = isinstance(self.task, Batched)
        workers = self.settings.workers
        loader: DataLoader[Any] = DataLoader(
            _Batches(self.task.batch, first, size)
            if isinstance(self.task, Batched)
            else _Numbered(self.task.sample, first),
            batch_size=None if whole else size,
            num_workers=workers,
            pin_memory=self.compute.device.type == "cuda",
            prefetch_factor=4 if workers else None,
            worker_init_fn=_single_thread,
            generator=torch.Generator(),  # the global one must go on as if there were no loader
        )
        for batch in loader:
            yield tuple(part.to(self.compute.device, non_blocking=True) for part in batch)


class _Numbered(Dataset[Sample]):
    """Samples from number ``first`` on, without end for any practical purpose."""

    def __init__(self, sample: Callable[[int], Sample], first: int) -> None:
        self.sample, self.first = sample, first

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, index: int) -> Sample:
        return self.sample(self.first + index)


class _Batches(Dataset[Batch]):
    """Whole batches of ``size`` samples, from sample ``first`` on."""

    def __init__(self, make: Callable[[Sequence[int]], Batch], first: int, size: int) -> None:
        self.make, self.first, self.size = make, first, size

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, index: int) -> Batch:
        begin = self.first + index * self.size
        return self.make(range(begin, begin + self.size))


def _single_thread(worker: int) -> None:
    """Keep a worker process to one thread; many of them share the machine."""
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
