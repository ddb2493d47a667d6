"""``archivist train triplet``: train all compact networks, in three stages and one budget.

The data folder holds ``photos`` (clean pictures), ``historic-prints`` (scans of old prints) and
``damage-overlays``; see :mod:`archivist_triplet.samples`. In the folder of a run lie ``vae``,
``tone`` and ``mapping``, a run of :mod:`archivist_torch.training` each, and
``compact.safetensors``.
"""

from __future__ import annotations

import copy
import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import click
import cv2
import torch
from safetensors.torch import load_file

from archivist_torch.ageing import AgeingSettings
from archivist_torch.device import Compute, choose
from archivist_torch.optimisers import optimisers as plain_optimisers
from archivist_torch.perceptual import PerceptualLoss
from archivist_torch.seeding import seed_everything
from archivist_torch.training import Settings, Trainer
from archivist_torch.weights import digest, load_state, load_weights, read_metadata, save_weights
from archivist_triplet.compact import Encoder, Triplet
from archivist_triplet.samples import Material
from archivist_triplet.training.lessons import WIDER, ToneLessons
from archivist_triplet.training.mapping_stage import (
    MappingTask,
    begun,
    continued,
    frozen,
    optimisers,
)
from archivist_triplet.training.source import LIKE_PRINTS, SHARPENED, Source
from archivist_triplet.training.tone_stage import ToneSamples, ToneTask
from archivist_triplet.training.tone_stage import optimisers as tone_optimisers
from archivist_triplet.training.vae_stage import Pair, VaeTask
from archivist_triplet.training.validation import Validation

VAE_SHARE = 0.15
"""Share of the budget that the auto-encoders get; they exceed 36 dB after 200 steps."""
TONE_SHARE = 0.04
"""Share of the budget that the guess of tone gets; two minutes of one core are enough for it."""
FIRST_RATES, LATER_RATES = (2e-3, 0.03), (3e-4, 0.0)
"""Full learning rates (AdamW, Muon) of the auto-encoders, from nothing and from given weights.
Muon moves all directions of a matrix equally far: latents that were to stay were gone after 300
steps."""
FIRST_MAPPING_RATES, LATER_MAPPING_RATES = (1e-3, 0.006), (7e-4, 0.003)
"""The same of the mapping. Muon at 0.03 made it diverge, at 0.012 it stood still."""
TONE_RATE, TONE_BATCH = 1e-3, 256
TONE_SIDE, TONE_SCALES = 256, (0.4, 0.8)
"""Side of the pieces from which tone is guessed, and their scales: nearly whole photographs."""
TONE_HELD_OUT = 192
PRISTINE = 0.08
"""Share of samples that are not aged, so that good pictures are left alone."""
SOLVED = 32
"""Clean crops from which the mapping's straight path is solved; 74,000 positions of a latent."""
NETWORK = "archivist_triplet.compact:Triplet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was asked for on the command line."""

    data: Path
    out: Path
    minutes: float
    seed: int = 1
    batch: int = 4
    crop: int = 192
    workers: int = 1
    threads: int = 1
    prints: bool = True
    resume: bool = False
    begin: Path | None = None
    """Weights of a triplet to go on from: VAE2 stays, VAE1 and the mapping learn on."""
    only: str | None = None
    """``mapping`` or ``tone``: it has the whole budget, and the rest of ``begin`` stays."""
    lessons: int = 6000
    """Samples remembered for lessons in tone; 370 MB, about 9 minutes on one core."""
    tones: int = 40_000
    """Samples remembered for the guess of tone; 280 MB, about 9 minutes on one core."""
    steps: int | None = None
    """Ends each stage after so many steps (tests)."""


@click.command("triplet")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, exists=True), help="Training pictures."
)
@click.option("--minutes", required=True, type=float, help="Budget of the whole run.")
@click.option(
    "--out", default="runs/triplet", type=click.Path(path_type=Path), help="Folder of the run."
)
@click.option("--seed", default=1, show_default=True, help="Names the stream of samples.")
@click.option(
    "--batch", default=4, show_default=True, type=click.IntRange(2), help="Samples in a step."
)
@click.option(
    "--crop", default=192, show_default=True, type=click.IntRange(64), help="Their side, in pixels."
)
@click.option("--workers", default=1, show_default=True, help="Processes that make samples.")
@click.option("--threads", default=1, show_default=True, help="CPU threads of the networks.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--without-prints",
    "prints",
    flag_value=False,
    default=True,
    help="Train VAE1 on synthetic pictures alone, to see what real prints bring.",
)
@click.option(
    "--from",
    "begin",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Weights to go on from: VAE2 is kept, VAE1 and the mapping are trained on.",
)
@click.option(
    "--only",
    type=click.Choice(["mapping", "tone"]),
    help="Train this on alone: the mapping, or the guess of tone; the rest of --from is kept.",
)
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
def command(*, device: str, **asked: object) -> None:
    """Train the compact triplet networks; the final weights land in OUT/compact.safetensors."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    run = Run(**asked)  # type: ignore[arg-type]
    try:
        train(run, choose(device))
    except (FileNotFoundError, FileExistsError, ValueError) as problem:
        raise click.ClickException(str(problem)) from problem


def train(run: Run, compute: Compute) -> Path:
    """Train all stages, or what is left of them, and return the path of the final weights.

    Raises FileExistsError when the folder holds a run that is not to be resumed, ValueError for a
    crop that is no multiple of 32 and for ``only`` without ``begin``, FileNotFoundError when there
    are no photographs or prints.
    """
    _check(run)
    torch.set_num_threads(run.threads)
    cv2.setNumThreads(1)
    parts = [Material.read(run.data, split, run.out / "cache") for split in ("train", "val")]
    material, held_out = parts
    if run.prints and run.only is None and material.prints is None:
        raise FileNotFoundError(
            f"{run.data} has no historic-prints; put scans of old prints there, or train"
            " --without-prints"
        )
    stages = Stages(run, compute, material, held_out)
    if run.only is None and not (stages.begun("tone") or stages.begun("mapping")):
        stages.vaes()
    if run.only != "mapping" and not stages.begun("mapping"):
        stages.tone()
    if run.only != "tone":
        stages.mapping()
    return stages.export()


class Stages:
    """The stages of a run on the same material."""

    def __init__(self, run: Run, compute: Compute, material: Material, held_out: Material) -> None:
        self.run, self.compute = run, compute
        self.validation = Validation(held_out, compute, run.out)
        self.accelerated = compute.device.type != "cpu"
        self.material, self.held_out = material, held_out
        self.perceptual = PerceptualLoss().to(compute.device)

    def vaes(self) -> None:
        """Train the auto-encoders; their weights land in ``vae/last.safetensors``.

        The last ones, not those of the best score: alignment costs reconstruction, and only at
        the end of the schedule have both come to rest.

        They look at no more than 60 pixels to each side of one: twice as many crops of half the
        side serve them as well at half the cost.
        """
        seed_everything(self.run.seed)
        begin = self.run.begin
        pair, kept = (Pair(), None) if begin is None else _begun_with(begin)
        task = VaeTask(
            self._source(
                1, self.run.crop // 2, prints=self.run.prints, like_prints=begin is not None
            ),
            self.validation,
            self.perceptual,
            align=self.run.prints,
            kept=kept,
        )
        rate, matrix_rate = FIRST_RATES if begin is None else LATER_RATES
        minutes, batch = self.run.minutes * VAE_SHARE, 2 * self.run.batch
        settings = self._settings(minutes, batch, rate=rate, matrix_rate=matrix_rate)
        learning = pair if begin is None else pair.vae_a
        moved_by = plain_optimisers(learning, rate=rate, matrix_rate=matrix_rate)
        folder = self.run.out / "vae"
        self._train(Trainer(pair, task, settings, folder, self.compute, moved_by=moved_by))

    def tone(self) -> None:
        """Train the guess of tone; its weights land in ``tone/last.safetensors``."""
        seed_everything(self.run.seed)
        parts = (self.material, self.run.tones), (self.held_out, TONE_HELD_OUT)
        samples = [
            ToneSamples(
                replace(self._source(4, TONE_SIDE), material=material, scales=TONE_SCALES),
                min(count, self.run.tones),
                self.compute,
            )
            for material, count in parts
        ]
        task = ToneTask(*samples, seed=self.run.seed)
        guess = task.begun()
        minutes = self.run.minutes * (1 if self.run.only == "tone" else TONE_SHARE)
        settings = replace(
            self._settings(minutes, TONE_BATCH, rate=TONE_RATE, matrix_rate=0), workers=0
        )
        moved_by = tone_optimisers(guess, rate=TONE_RATE)
        folder = self.run.out / "tone"
        self._train(Trainer(guess, task, settings, folder, self.compute, moved_by=moved_by))

    def mapping(self) -> None:
        """Train the mapping; the weights of all three land in ``mapping/last.safetensors``.

        The last ones again: the score of a dozen pictures varies more than the weights do.
        """
        seed_everything(self.run.seed)
        source = self._source(2, self.run.crop)
        network = self._begun(source)
        wider = self._source(3, WIDER * self.run.crop)
        lessons = ToneLessons(network, wider, self.compute, self.run.lessons)
        task = MappingTask(source, self.validation, self.perceptual, lessons)
        share = 1 - TONE_SHARE - (0 if self.run.only else VAE_SHARE)
        rates = FIRST_MAPPING_RATES if self.run.begin is None else LATER_MAPPING_RATES
        minutes, batch = self.run.minutes * share, self.run.batch
        settings = self._settings(minutes, batch, rate=rates[0], matrix_rate=rates[1])
        moved_by = optimisers(network, rate=settings.rate, matrix_rate=settings.matrix_rate)
        facts = {
            "network": NETWORK,
            "seed": str(self.run.seed),
            "prints": self._prints(),
            "run_minutes": f"{self.run.minutes:g}",
            "begun": "anew" if self.run.begin is None else digest(self.run.begin),
        }
        folder = self.run.out / "mapping"
        self._train(
            Trainer(network, task, settings, folder, self.compute, facts=facts, moved_by=moved_by)
        )

    def begun(self, stage: str) -> bool:
        """Tell whether a stage has a checkpoint to go on from."""
        return (self.run.out / stage / "checkpoint.pt").exists()

    def export(self) -> Path:
        """Write the weights of all networks for shipping, as float16; return their path.

        What no stage trained is that of ``--from``.
        """
        folder, begin = self.run.out, self.run.begin
        tone = folder / "tone" / "last.safetensors"
        source = begin if self.run.only == "tone" else folder / "mapping" / "last.safetensors"
        assert source is not None
        network, facts = Triplet(), read_metadata(source)
        load_weights(network, source)
        if tone.exists():
            gained = load_weights(network.guess, tone)
            facts |= {f"tone_{name}": gained[name] for name in ("step", "minutes", "score")}
        path = folder / "compact.safetensors"
        save_weights(network.state_dict(), path, facts, torch.float16)
        return path

    def _begun(self, source: Source) -> Triplet:
        """Return the triplet that the mapping is trained in."""
        if self.run.only == "mapping":
            assert self.run.begin is not None
            network = Triplet()
            load_weights(network, self.run.begin)
            return frozen(network)
        pair = Pair()
        load_weights(pair, self.run.out / "vae" / "last.safetensors")
        shown = [source.samples(source.batch([i])) for i in range(SOLVED)]
        if self.run.begin is None:
            return begun(pair, torch.cat([samples.truth.cpu() for samples in shown]))
        old = torch.cat([samples.aged.cpu() for samples in shown])
        return continued(self.run.begin, pair, old)

    def _prints(self) -> str:
        """Return whether VAE1 was aligned with prints, for the metadata of the weights."""
        if self.run.only == "mapping" and self.run.begin is not None:
            return read_metadata(self.run.begin).get("prints", "none")
        return "aligned" if self.run.prints else "none"

    def _train(self, trainer: Trainer) -> None:
        """Run a stage, or what is left of it."""
        if self.run.resume:
            trainer.resume()
        trainer.run()

    def _settings(self, minutes: float, batch: int, *, rate: float, matrix_rate: float) -> Settings:
        return Settings(
            minutes=minutes,
            batch=batch,
            rate=rate,
            matrix_rate=matrix_rate,
            workers=self.run.workers,
            steps=self.run.steps,
            validate_minutes=max(0.5, min(4.0, minutes / 6)),
        )

    def _source(
        self, stage: int, size: int, *, prints: bool = False, like_prints: bool = False
    ) -> Source:
        settings = LIKE_PRINTS if like_prints else AgeingSettings(pristine=PRISTINE)
        return Source(
            material=self.material,
            seed=2 * self.run.seed + stage,
            size=size,
            settings=settings,
            prints=prints,
            early=not self.accelerated,
            sharpened=SHARPENED if like_prints else 0.0,
        )


def _begun_with(path: Path) -> tuple[Pair, Encoder]:
    """Return the auto-encoders of a triplet's weights, VAE2 frozen, and VAE1's encoder as it is.

    Raises WeightsMismatch for a file that does not hold both.
    """
    state = {n: w for n, w in load_file(path).items() if n.startswith("vae_")}
    pair = Pair()
    load_state(pair, state, f"{path} (vae_*)")
    pair.vae_b.requires_grad_(False)
    return pair, copy.deepcopy(pair.vae_a.encoder).requires_grad_(False)


def _check(run: Run) -> None:
    if run.crop % 32:
        raise ValueError(f"crops of {run.crop} px do not fit the networks; use a multiple of 32")
    if run.only and run.begin is None:
        raise ValueError(f"--only {run.only} keeps networks that exist; name them by --from")
    if not run.resume and any(run.out.glob("*/checkpoint.pt")):
        raise FileExistsError(
            f"{run.out} holds a run; continue it with --resume, or name another folder by --out"
        )


if __name__ == "__main__":
    command()
