"""``archivist train scratch``: train the compact detector on synthetic damage.

The data folder holds ``photos`` (with MANIFEST.tsv naming train and val), ``damage-overlays``
(``KIND/NAME.png``, alpha = damage) and optionally ``faces``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from itertools import chain, islice
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from torch import Tensor, nn

from archivist_scratch.damage import DAMAGED, UNSURE, Pixels, narrow_truth
from archivist_scratch.evaluation import composites, fit, mean_precision, narrowed
from archivist_scratch.features import compact_input
from archivist_scratch.network import Compact
from archivist_scratch.synthesis import Material, Sampler
from archivist_torch.device import Compute, choose
from archivist_torch.losses import masked_segmentation_loss
from archivist_torch.seeding import seed_everything
from archivist_torch.training import Sample, Settings, Trainer
from archivist_torch.weights import load_weights, save_weights

VALIDATED = 12
"""Composites of each polarity and clean photographs in one validation; about 8 s on one core."""


class ScratchTask:
    """Samples, loss and validation of the compact detector."""

    def __init__(
        self, train: Material, val: Material, seed: int, compute: Compute, crop: int = 256
    ) -> None:
        self.sampler = Sampler(material=train, seed=seed, size=crop)
        self.val, self.compute = val, compute

    def sample(self, index: int) -> Sample:
        """Return the features (8, size, size) of a sample, and what to answer, uint8 (2, ...)."""
        grey, truth = self.sampler(index)
        answers = np.stack([truth, narrow_truth(truth)])
        return compact_input(grey.astype(np.float32) / np.float32(255)), answers

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the mean segmentation loss of both answers to a batch of samples."""
        features, truth = batch
        logits = network(features.contiguous(memory_format=torch.channels_last)).float()
        damaged, care = (truth == DAMAGED).float(), (truth != UNSURE).float()
        each = zip(*(x.split(1, dim=1) for x in (logits, damaged, care)), strict=True)
        return torch.stack([masked_segmentation_loss(*answer) for answer in each]).mean()

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return mean average precision by polarity and of narrow damage, and false alarms."""

        def damage(grey: Pixels) -> Pixels:
            return answers(network, grey, self.compute)[0]

        def narrow(grey: Pixels) -> Pixels:
            return answers(network, grey, self.compute)[1]

        shown = [
            list(composites(self.val, 512, polarity, VALIDATED, seed=1))
            for polarity in (True, False)
        ]
        bright, dark = (mean_precision(damage, iter(pictures)) for pictures in shown)
        thin = mean_precision(narrow, map(narrowed, chain(*shown)))
        clean = [narrow(fit(photo, 512)) for photo in islice(self.val.photos, 0, None, 4)]
        flagged = float(np.mean([(p > 0.5).mean() for p in clean]))
        peak = float(np.median([p.max() for p in clean]))
        score = (bright + dark) / 4 + thin / 2 - flagged
        precisions = {"bright": bright, "dark": dark, "narrow": thin}
        return {"score": score, **precisions, "flagged": flagged, "peak": peak}


@torch.inference_mode()
def answers(network: nn.Module, grey: Pixels, compute: Compute) -> Pixels:
    """Return the probability maps (2, height, width) of a grey picture (height, width), 0..1."""
    height, width = grey.shape
    below, right = -height % Compact.STRIDE, -width % Compact.STRIDE
    padded = np.pad(grey, ((0, below), (0, right)), mode="reflect")
    shown = torch.from_numpy(compact_input(padded))[None].to(compute.device)
    with compute.autocast():
        logits = network(shown.contiguous(memory_format=torch.channels_last))
    return logits.float().sigmoid()[0, :, :height, :width].cpu().numpy()


@click.command("scratch")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, exists=True), help="Training pictures."
)
@click.option("--minutes", required=True, type=float, help="Budget of the whole run.")
@click.option(
    "--out", default="runs/scratch", type=click.Path(path_type=Path), help="Folder of the run."
)
@click.option("--seed", default=1, show_default=True, help="Names the stream of samples.")
@click.option("--batch", default=4, show_default=True, help="Samples in a step.")
@click.option("--crop", default=256, show_default=True, help="Their side, in pixels.")
@click.option("--rate", default=2e-3, show_default=True, help="Highest learning rate.")
@click.option("--matrix-rate", default=0.02, show_default=True, help="The same, of Muon.")
@click.option("--workers", default=0, show_default=True, help="Processes that make samples.")
@click.option("--threads", default=1, show_default=True, help="CPU threads of the network.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--from",
    "begin",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Weights to go on from.",
)
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
def command(
    data: Path,
    minutes: float,
    out: Path,
    *,
    seed: int,
    batch: int,
    crop: int,
    rate: float,
    matrix_rate: float,
    workers: int,
    threads: int,
    device: str,
    begin: Path | None,
    resume: bool,
) -> None:
    """Train the compact scratch detector; the best weights land in OUT/compact.safetensors."""
    if crop % Compact.STRIDE:
        raise click.UsageError(f"--crop {crop} does not fit the network; use a multiple of 16")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    seed_everything(seed)
    compute, network = choose(device), Compact()
    if begin is not None:
        load_weights(network, begin)
    train, val = (Material.read(data, split, out / "cache") for split in ("train", "val"))
    task = ScratchTask(train, val, seed, compute, crop)
    settings = Settings(
        minutes=minutes, batch=batch, rate=rate, matrix_rate=matrix_rate, workers=workers
    )
    facts = {"network": "archivist_scratch.network:Compact", "seed": str(seed)}
    trainer = Trainer(network, task, settings, out, compute, facts=facts)
    if resume:
        trainer.resume()
    trainer.run()
    export(out / "best.safetensors", out / "compact.safetensors")


def export(best: Path, destination: Path) -> str:
    """Write weights for shipping: float16, same entries. Returns the SHA-256 of the file."""
    network = Compact()
    metadata = load_weights(network, best)
    return save_weights(network.state_dict(), destination, metadata, torch.float16)


if __name__ == "__main__":
    command()
