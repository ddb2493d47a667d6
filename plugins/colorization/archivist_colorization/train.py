"""``archivist train color``: train the compact network.

The data folder holds ``photos`` and, where there are some, ``reference-groups`` (a folder for each
group of photographs of one place or thing) and ``faces``. The folder of a run is one of
:mod:`archivist_torch.training`, with ``compact.safetensors`` for shipping.
"""

from __future__ import annotations

import copy
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import torch
from torch import nn

from archivist_colorization.compact.encoder import Encoder
from archivist_colorization.compact.network import Compact
from archivist_colorization.training.calibration import calibrate
from archivist_colorization.training.material import Material
from archivist_colorization.training.samples import Samples
from archivist_colorization.training.task import ColourTask
from archivist_colorization.training.validation import Validation
from archivist_colorization.training.whitening import whiten
from archivist_torch.device import Compute, choose
from archivist_torch.optimisers import optimisers
from archivist_torch.seeding import seed_everything
from archivist_torch.training import Settings, Trainer
from archivist_torch.weights import load_weights, read_metadata, save_weights

RATE, MATRIX_RATE = 1e-3, 0.015
"""Of AdamW and Muon."""
NETWORK = "archivist_colorization.compact.network:Compact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was asked for on the command line."""

    data: Path
    out: Path
    minutes: float
    seed: int = 1
    batch: int = 8
    crop: int = 192
    workers: int = 0
    threads: int = 1
    resume: bool = False
    steps: int | None = None
    """Ends the run after so many steps (tests)."""


@click.command("color")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, exists=True), help="Training pictures."
)
@click.option("--minutes", required=True, type=float, help="Budget of the whole run.")
@click.option(
    "--out", default="runs/color", type=click.Path(path_type=Path), help="Folder of the run."
)
@click.option("--seed", default=1, show_default=True, help="Names the stream of samples.")
@click.option("--batch", default=8, show_default=True, help="Samples in a step.")
@click.option("--crop", default=192, show_default=True, help="Their side in pixels.")
@click.option("--workers", default=0, show_default=True, help="Processes that make samples.")
@click.option("--threads", default=1, show_default=True, help="CPU threads of the network.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
def command(*, device: str, **asked: object) -> None:
    """Train the compact network of color.colorize; the weights land in OUT/compact.safetensors."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    run = Run(**asked)  # type: ignore[arg-type]
    try:
        train(run, choose(device))
    except (FileNotFoundError, FileExistsError, ValueError) as problem:
        raise click.ClickException(str(problem)) from problem


def train(run: Run, compute: Compute) -> Path:
    """Train, or go on, and return the path of the weights.

    Raises FileExistsError when the folder holds a run that is not to be resumed, ValueError for a
    crop that is no multiple of 32, FileNotFoundError when there are no photographs.
    """
    _check(run)
    torch.set_num_threads(run.threads)
    cv2.setNumThreads(1)
    seed_everything(run.seed)
    material = Material.read(run.data, run.out / "cache")
    validation = Validation(material.held_out_photos, material.held_out_groups, compute)
    samples = Samples(material, run.crop, run.seed)
    network = Compact(Encoder.pretrained())
    whiten(network, [samples.sample(n)[0] for n in range(48)])
    task = ColourTask(copy.deepcopy(network.encoder), samples, validation, compute)
    trainer = Trainer(
        network,
        task,
        Settings(
            minutes=run.minutes,
            batch=run.batch,
            workers=run.workers,
            steps=run.steps,
            average=0.997,
            validate_minutes=max(0.5, run.minutes / 12),
        ),
        run.out,
        compute,
        facts={"network": NETWORK, "seed": str(run.seed), "run_minutes": f"{run.minutes:g}"},
        moved_by=movers(network),
    )
    if run.resume:
        trainer.resume()
    trainer.run()
    return export(run.out, run.out / "compact.safetensors", validation)


def movers(network: Compact) -> list[torch.optim.Optimizer]:
    """Return the optimisers of all but the encoder, which stays as ImageNet made it."""
    fresh = nn.ModuleList([network.matcher, network.fusion, network.decoder])
    return optimisers(fresh, rate=RATE, matrix_rate=MATRIX_RATE)


def export(run: Path, destination: Path, validation: Validation) -> Path:
    """Write the last weights for shipping, calibrated, float16. Returns ``destination``."""
    network, source = Compact(), run / "last.safetensors"
    load_weights(network, source)
    calibrate(network, validation.photos, validation.pairs)
    save_weights(network.state_dict(), destination, read_metadata(source), torch.float16)
    return destination


def _check(run: Run) -> None:
    if run.crop % 32:
        raise ValueError(f"crops of {run.crop} px do not fit the network; use a multiple of 32")
    if not run.resume and (run.out / "checkpoint.pt").exists():
        raise FileExistsError(
            f"{run.out} holds a run; continue it with --resume, or name another folder by --out"
        )


if __name__ == "__main__":
    command()
