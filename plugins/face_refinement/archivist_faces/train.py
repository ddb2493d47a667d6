"""``archivist train face``: train the compact generator.

The data folder holds ``faces`` (portraits), and optionally ``historic-prints`` and
``damage-overlays``, of which ageing is made. ``--pairs`` names portraits prepared by
:mod:`archivist_faces.training.prepare` and restored by another step. In the folder of a run lie
what :mod:`archivist_torch.training` says, ``cache``, and ``compact.safetensors``.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import torch

from archivist_faces.compact import STRIDE, CompactGenerator
from archivist_faces.training.pairs import read_pairs
from archivist_faces.training.portraits import read_material, read_portraits
from archivist_faces.training.samples import Samples
from archivist_faces.training.task import RefinementTask
from archivist_torch.device import Compute, choose
from archivist_torch.seeding import seed_everything
from archivist_torch.training import Settings, Trainer
from archivist_torch.weights import digest, load_weights, read_metadata, save_weights

FIRST_RATES, LATER_RATES = (1e-3, 0.01), (5e-4, 0.004)
"""Of AdamW and Muon, from nothing and from given weights."""
WARMUP = 20
"""Steps over which the rates rise; the correction begins at zero, so nothing can break."""
NETWORK = "archivist_faces.compact:CompactGenerator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was asked for on the command line."""

    data: Path
    out: Path
    minutes: float
    pairs: Path | None = None
    held_out_pairs: Path | None = None
    seed: int = 1
    batch: int = 4
    crop: int = 160
    workers: int = 0
    threads: int = 1
    resume: bool = False
    begin: Path | None = None
    """Weights to go on from."""
    steps: int | None = None
    """Ends the run after so many steps (tests)."""


@click.command("face")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, exists=True), help="Training pictures."
)
@click.option("--minutes", required=True, type=float, help="Budget of the whole run.")
@click.option(
    "--out", default="runs/face", type=click.Path(path_type=Path), help="Folder of the run."
)
@click.option(
    "--pairs",
    type=click.Path(path_type=Path, exists=True),
    help="Prepared portraits, aged and restored.",
)
@click.option(
    "--held-out-pairs",
    type=click.Path(path_type=Path, exists=True),
    help="The same of those held out (prepared with --split val), to validate with.",
)
@click.option("--seed", default=1, show_default=True, help="Names the stream of samples.")
@click.option(
    "--batch",
    default=4,
    show_default=True,
    type=click.IntRange(2),
    help="Samples in a step; every fourth, the first one too, is a whole face.",
)
@click.option("--crop", default=160, show_default=True, help="Side of the others in pixels.")
@click.option("--workers", default=0, show_default=True, help="Processes that make samples.")
@click.option("--threads", default=1, show_default=True, help="CPU threads of the network.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--from",
    "begin",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Weights to go on from, at lower rates.",
)
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
def command(*, device: str, **asked: object) -> None:
    """Train the compact network of face.refine; the weights land in OUT/compact.safetensors."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    run = Run(**asked)  # type: ignore[arg-type]
    try:
        train(run, choose(device))
    except (FileNotFoundError, FileExistsError, ValueError) as problem:
        raise click.ClickException(str(problem)) from problem


def train(run: Run, compute: Compute, network: CompactGenerator | None = None) -> Path:
    """Train, or train on, and return the path of the weights.

    Raises FileExistsError when the folder holds a run that is not to be resumed, ValueError for a
    crop that the network cannot see, FileNotFoundError when there are no portraits.
    """
    _check(run)
    torch.set_num_threads(run.threads)
    cv2.setNumThreads(1)
    seed_everything(run.seed)
    task = RefinementTask(_samples(run, "train"), _samples(run, "val"), compute)
    trainer = Trainer(
        _begun(run, network or CompactGenerator()),
        task,
        _settings(run),
        run.out,
        compute,
        facts={
            "network": NETWORK,
            "seed": str(run.seed),
            "run_minutes": f"{run.minutes:g}",
            "begun": "anew" if run.begin is None else digest(run.begin),
        },
    )
    if run.resume:
        trainer.resume()
    trainer.run()
    return export(run.out / "last.safetensors", run.out / "compact.safetensors")


def export(source: Path, destination: Path) -> Path:
    """Write the weights of a run for shipping, float16; return ``destination``.

    The last ones, not the best: at the end of the schedule they have come to rest.
    """
    network = CompactGenerator()
    load_weights(network, source)
    save_weights(network.state_dict(), destination, read_metadata(source), torch.float16)
    return destination


def _begun(run: Run, network: CompactGenerator) -> CompactGenerator:
    """Return the network that the run begins with."""
    if run.begin is not None:
        load_weights(network, run.begin)
    return network


def _samples(run: Run, split: str) -> Samples:
    cache = run.out / "cache"
    training = split == "train"
    pairs = run.pairs if training else run.held_out_pairs
    return Samples(
        read_portraits(run.data / "faces", split, cache),
        read_material(run.data, split, cache),
        run.crop,
        run.seed if training else 0,
        read_pairs(pairs) if pairs else (),
    )


def _settings(run: Run) -> Settings:
    rate, matrix_rate = FIRST_RATES if run.begin is None else LATER_RATES
    return Settings(
        minutes=run.minutes,
        batch=run.batch,
        rate=rate,
        matrix_rate=matrix_rate,
        workers=run.workers,
        warmup_steps=WARMUP,
        steps=run.steps,
        validate_minutes=max(0.5, min(12.0, run.minutes / 6)),
    )


def _check(run: Run) -> None:
    if run.crop % STRIDE:
        raise ValueError(f"a crop of {run.crop} px: use a multiple of {STRIDE}")
    if not run.resume and (run.out / "checkpoint.pt").exists():
        raise FileExistsError(
            f"{run.out} holds a run; continue it with --resume, or name another folder by --out"
        )


if __name__ == "__main__":
    command()
