"""``archivist train ttsr``: train the compact network, in two stages and one budget.

The data folder holds ``photos`` and ``reference-groups`` (a folder for each group of photographs of
one place or thing). In the folder of a run lie ``enlarger`` and ``joiner``, a run of
:mod:`archivist_torch.training` each, ``cache`` with what was prepared, and ``compact.safetensors``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import torch

from archivist_reference_sr.compact.describer import Describer
from archivist_reference_sr.compact.enlarger import Enlarger
from archivist_reference_sr.compact.network import Compact
from archivist_reference_sr.training.enlarger_stage import EnlargerTask, EnlargerValidation
from archivist_reference_sr.training.joiner_stage import JoinerTask, JoinerValidation
from archivist_reference_sr.training.material import Material
from archivist_reference_sr.training.pairs import REDUCE, Bytes, Crops
from archivist_torch.device import Compute, choose
from archivist_torch.seeding import seed_everything
from archivist_torch.training import Settings, Trainer
from archivist_torch.weights import (
    WeightsMismatch,
    digest,
    load_weights,
    read_metadata,
    save_weights,
)

ENLARGER_SHARE = 0.65
"""Share of the budget for enlarging without references, which every picture gains from."""
Rates = tuple[float, float]
"""Of AdamW, and of Muon for convolutions; 0 leaves them to AdamW."""
FIRST_RATES: Rates = (1e-3, 0.015)
"""From nothing. 0.06 for Muon diverges after 200 steps; AdamW alone gains half as much in as many.
"""
LATER_RATES: Rates = (5e-4, 0.006)
"""Of the joiner, from given weights."""
GENTLE_RATES: Rates = (2e-5, 0.0)
"""Of the enlarger, from given weights: those of SPAN were trained long, and are soon worse."""
NETWORK = "archivist_reference_sr.compact.network:Compact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was asked for on the command line."""

    data: Path
    out: Path
    minutes: float
    seed: int = 1
    batch: int = 6
    crop: int = 192
    workers: int = 0
    threads: int = 1
    reduce: str = "bicubic"
    resume: bool = False
    begin: Path | None = None
    """Weights of the whole network to go on from, or of the enlarger alone."""
    only: str | None = None
    """``joiner``: the enlarger of ``begin`` stays as it is."""
    steps: int | None = None
    """Ends each stage after so many steps (tests)."""


@click.command("ttsr")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, exists=True), help="Training pictures."
)
@click.option("--minutes", required=True, type=float, help="Budget of both stages.")
@click.option(
    "--out", default="runs/ttsr", type=click.Path(path_type=Path), help="Folder of the run."
)
@click.option("--seed", default=1, show_default=True, help="Names the stream of samples.")
@click.option("--batch", default=6, show_default=True, help="Samples in a step.")
@click.option("--crop", default=192, show_default=True, help="Their side, in pixels of the truth.")
@click.option("--workers", default=0, show_default=True, help="Processes that make samples.")
@click.option("--threads", default=1, show_default=True, help="CPU threads of the networks.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--reduce",
    type=click.Choice(sorted(REDUCE)),
    default="bicubic",
    show_default=True,
    help="How pictures are made small: as in the literature, or with blur, noise and JPEG.",
)
@click.option(
    "--from",
    "begin",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Weights to go on from, at lower rates: of the whole network, or of the enlarger alone.",
)
@click.option(
    "--only",
    type=click.Choice(["joiner"]),
    help="Train this stage alone; the enlarger stays as --from gives it.",
)
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
def command(*, device: str, **asked: object) -> None:
    """Train the compact network of ttsr.upscale; the weights land in OUT/compact.safetensors."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    run = Run(**asked)  # type: ignore[arg-type]
    try:
        train(run, choose(device))
    except (FileNotFoundError, FileExistsError, ValueError) as problem:
        raise click.ClickException(str(problem)) from problem


def train(run: Run, compute: Compute) -> Path:
    """Train both stages, or what is left of them, and return the path of the weights.

    Raises FileExistsError when the folder holds a run that is not to be resumed, ValueError for a
    crop that is no multiple of 4 or no enlarger to keep, FileNotFoundError when there are no
    photographs.
    """
    _check(run)
    torch.set_num_threads(run.threads)
    cv2.setNumThreads(1)
    stages = Stages(run, compute, Material.read(run.data, run.out / "cache"))
    if run.only == "joiner":
        stages.keep_enlarger()
    elif not (run.resume and (run.out / "joiner" / "checkpoint.pt").exists()):
        stages.enlarger()
    stages.joiner()
    return export(run.out, run.out / "compact.safetensors")


class Stages:
    """Both stages of a run on the same material."""

    def __init__(self, run: Run, compute: Compute, material: Material) -> None:
        self.run, self.compute, self.material = run, compute, material
        seed_everything(run.seed)
        self.begun = Compact()
        self.enlarger_rates, self.joiner_rates = FIRST_RATES, FIRST_RATES
        if run.begin is not None:
            self._begin(run.begin)

    def _begin(self, path: Path) -> None:
        """Load weights of the enlarger alone, or of the whole network."""
        self.enlarger_rates = GENTLE_RATES
        try:
            load_weights(self.begun.enlarger, path)
        except WeightsMismatch:
            load_weights(self.begun, path)
            self.joiner_rates = LATER_RATES

    def keep_enlarger(self) -> None:
        """Take the enlarger as it was given."""
        folder = self.run.out / "enlarger"
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.begun.enlarger.state_dict(), folder / "last.safetensors")

    def enlarger(self) -> None:
        """Train enlarging without references."""
        run, material = self.run, self.material
        seed_everything(run.seed)
        crops = Crops(material.album(), run.crop // 4, run.seed, REDUCE[run.reduce])
        sets: dict[str, Sequence[Bytes]] = {"photos": material.held_out_photos}
        sets |= {n: [p.pixels for p in g] for n, g in material.held_out.items()}
        task = EnlargerTask(crops, EnlargerValidation(sets, self.compute))
        settings = self._settings(run.minutes * ENLARGER_SHARE, self.enlarger_rates)
        self._train(
            Trainer(self.begun.enlarger, task, settings, run.out / "enlarger", self.compute)
        )

    def joiner(self) -> None:
        """Train the use of references, on the enlarger's last weights."""
        run, material = self.run, self.material
        seed_everything(run.seed)
        enlarger = Enlarger()
        load_weights(enlarger, run.out / "enlarger" / "last.safetensors")
        layout = torch.channels_last
        enlarger = enlarger.requires_grad_(False).eval()
        enlarger = enlarger.to(self.compute.device, memory_format=layout)  # type: ignore[call-overload]
        prepare = (Describer.pretrained(), run.reduce, run.out / "cache")
        lessons = material.lessons(*prepare)
        validation = JoinerValidation(material.validation(*prepare), self.compute)
        task = JoinerTask(lessons, enlarger, run.crop // 4, run.seed, validation)
        share = 1 if run.only else 1 - ENLARGER_SHARE
        settings = self._settings(run.minutes * share, self.joiner_rates)
        facts = {
            "network": NETWORK,
            "seed": str(run.seed),
            "reduce": run.reduce,
            "run_minutes": f"{run.minutes:g}",
            "begun": "anew" if run.begin is None else digest(run.begin),
        }
        folder = run.out / "joiner"
        self._train(Trainer(self.begun.joiner, task, settings, folder, self.compute, facts=facts))

    def _train(self, trainer: Trainer) -> None:
        """Run a stage, or what is left of it."""
        if self.run.resume:
            trainer.resume()
        trainer.run()

    def _settings(self, minutes: float, rates: Rates) -> Settings:
        rate, matrix_rate = rates
        return Settings(
            minutes=minutes,
            batch=self.run.batch,
            rate=rate,
            matrix_rate=matrix_rate,
            workers=self.run.workers,
            steps=self.run.steps,
            validate_minutes=max(0.5, min(5.0, minutes / 5)),
        )


def export(run: Path, destination: Path) -> Path:
    """Write the weights of a run for shipping, float16. Returns ``destination``.

    The last weights of both stages: at the end of the schedule they have come to rest.
    """
    network = Compact()
    network.describer = Describer.pretrained()
    load_weights(network.enlarger, run / "enlarger" / "last.safetensors")
    source = run / "joiner" / "last.safetensors"
    load_weights(network.joiner, source)
    save_weights(network.state_dict(), destination, read_metadata(source), torch.float16)
    return destination


def _check(run: Run) -> None:
    if run.crop % 4:
        raise ValueError(f"crops of {run.crop} px cannot be reduced to a quarter; use a multiple")
    if run.only and run.begin is None:
        raise ValueError("no enlarger to keep; give its weights by --from")
    if not run.resume and any(run.out.glob("*/checkpoint.pt")):
        raise FileExistsError(
            f"{run.out} holds a run; continue it with --resume, or name another folder by --out"
        )


if __name__ == "__main__":
    command()
