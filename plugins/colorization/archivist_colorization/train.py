"""``archivist train color``: train the compact network.

The data folder holds ``photos`` and, where there are some, ``reference-groups`` (a folder for each
group of photographs of one place or thing) and ``faces``. The folder of a run holds one of
:mod:`archivist_torch.training` for each stage (``columns``: automatic colour; ``exemplars``: all
else), and ``compact.safetensors`` for shipping.
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
from archivist_colorization.training.columns import ColumnsTask
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
COLUMNS_RATE, COLUMNS_BATCH, COLUMNS_STEPS = 1.5e-3, 32, 500
"""Of the first stage. With more steps it learns the pictures by heart: 14.1 % of the error of grey
were taken away from held-out photographs after 490 steps, 13.7 after 980."""
COLUMNS_SHARE = 0.2
"""Of the minutes; the first stage may need less."""
VIEW = 288
"""Side in pixels of what the first stage looks at, as large as the step sees pictures."""
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
@click.option(
    "--minutes",
    required=True,
    type=float,
    help="Budget of the training, after looking at all pictures.",
)
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
    learn_columns(run, network, Samples(material, VIEW, run.seed), validation, compute)
    learn_exemplars(run, network, samples, validation, compute)
    return export(run.out / "exemplars", run.out / "compact.safetensors", validation)


def learn_columns(
    run: Run, network: Compact, views: Samples, validation: Validation, compute: Compute
) -> None:
    """Train the automatic colour of places, or what is left of it, and settle it."""
    columns, folder = network.decoder.columns, run.out / "columns"
    ready = folder / "last.safetensors"
    if not (run.resume and (run.out / "exemplars" / "checkpoint.pt").exists()):
        settings = Settings(
            minutes=run.minutes * COLUMNS_SHARE,
            batch=COLUMNS_BATCH,
            steps=min(COLUMNS_STEPS, run.steps or COLUMNS_STEPS),
            average=0.99,
            warmup_steps=50,
            validate_minutes=max(0.5, run.minutes * COLUMNS_SHARE / 4),
        )
        task = ColumnsTask(network, views, validation, compute)
        moved_by = [torch.optim.AdamW(columns.parameters(), COLUMNS_RATE, weight_decay=0.05)]
        trainer = Trainer(columns, task, settings, folder, compute, moved_by=moved_by)
        if run.resume:
            trainer.resume()
        trainer.run()
    load_weights(columns, ready)
    columns.settle()


def learn_exemplars(
    run: Run, network: Compact, samples: Samples, validation: Validation, compute: Compute
) -> None:
    """Train all that comes after automatic colour, or what is left of it."""
    trainer = Trainer(
        network,
        ColourTask(copy.deepcopy(network.encoder), samples, validation, compute),
        Settings(
            minutes=run.minutes * (1 - COLUMNS_SHARE),
            batch=run.batch,
            workers=run.workers,
            steps=run.steps,
            average=0.997,
            validate_minutes=max(0.5, run.minutes / 12),
        ),
        run.out / "exemplars",
        compute,
        facts={"network": NETWORK, "seed": str(run.seed), "run_minutes": f"{run.minutes:g}"},
        moved_by=movers(network),
    )
    if run.resume:
        trainer.resume()
    trainer.run()


def movers(network: Compact) -> list[torch.optim.Optimizer]:
    """Return the optimisers of the second stage: encoder and columns stay as they are."""
    decoder = network.decoder
    finer = [decoder.to4, decoder.from4, decoder.at4, decoder.finer]
    fresh = nn.ModuleList([network.matcher, network.fusion, *finer])
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
    if not run.resume and any(run.out.glob("*/checkpoint.pt")):
        raise FileExistsError(
            f"{run.out} holds a run; continue it with --resume, or name another folder by --out"
        )


if __name__ == "__main__":
    command()
