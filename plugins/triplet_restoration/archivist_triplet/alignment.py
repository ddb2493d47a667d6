"""How well a fresh classifier tells the latents of real old prints from those of synthetic ones.

``python -m archivist_triplet.alignment --weights FILE --data DIR`` trains one on VAE1's latents of
training pictures and judges it on held-out ones: 0.5 is a perfect alignment, 1.0 none. Beside it
stands the same classifier on the pixels themselves, which says how different the pictures are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from archivist_torch.ageing import AgeingSettings
from archivist_torch.device import Compute, choose
from archivist_torch.weights import load_state
from archivist_triplet.compact import STRIDE, Vae
from archivist_triplet.samples import Material
from archivist_triplet.training.source import LIKE_PRINTS, SHARPENED, Source, signed

SIZE = 128
"""Side of a crop in pixels."""
TRAINED, JUDGED = 400, 160
"""Crops of each domain that the classifier learns from, and is judged on."""
EPOCHS, BATCH, RATE = 12, 32, 2e-3
"""Of its training: held-out accuracy falls again after that."""
AT_ONCE = 16
MIXES: Mapping[str, tuple[AgeingSettings, float]] = {
    "prints": (LIKE_PRINTS, SHARPENED),
    "training": (AgeingSettings(), 0.0),
}
"""Synthetic pictures to compare with: such as are meant to look like prints, which VAE1 is aligned
with, and those the mapping learns from, 45 % of which are in colours, as no print is."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Accuracy 0..1 on held-out pictures, of latents and of the pixels themselves."""

    latents: float
    pixels: float


class Classifier(nn.Module):
    """Pooled statistics of its input, and of two layers of convolutions, to one logit."""

    def __init__(self, channels: int, width: int = 48) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.first = nn.Conv2d(channels, width, 3, stride=2, padding=1)
        self.second = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.decide = nn.Sequential(
            nn.Dropout(0.3),
            nn.Linear(2 * (channels + 2 * width), 64),
            nn.ReLU(inplace=True),
            nn.Linear(64, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (batch,) of (batch, channels, height, width); positive is real."""
        x = self.norm(x)
        first = functional.relu(self.first(x))
        layers = (x, first, functional.relu(self.second(first)))
        pooled = [part for layer in layers for part in (layer.mean((2, 3)), layer.std((2, 3)))]
        return self.decide(torch.cat(pooled, dim=1))[:, 0]


def measure(
    weights: Path,
    train: Material,
    held_out: Material,
    compute: Compute,
    *,
    mix: str = "prints",
    seed: int = 1,
    counts: tuple[int, int] = (TRAINED, JUDGED),
) -> Alignment:
    """Measure how well latents of prints and of aged photographs are told apart.

    ``weights`` is a file of the triplet or of both auto-encoders; ``counts`` are the crops of each
    domain for training and for judging; ``mix`` is one of MIXES. Global random state is left as it
    was.
    Raises WeightsMismatch when the file holds no VAE1, ValueError without real prints.
    """
    vae = read_vae_a(weights).to(compute.device)
    learnt, judged = (
        crops(material, count, seed, mix)
        for material, count in zip((train, held_out), counts, strict=True)
    )

    @torch.inference_mode()
    def encoded(pixels: Tensor) -> Tensor:
        parts = pixels.split(AT_ONCE)
        return torch.cat([vae.encoder(signed(x.to(compute.device))).cpu() for x in parts])

    def shown(pixels: Tensor) -> Tensor:
        return functional.pixel_unshuffle(signed(pixels), STRIDE)

    return Alignment(
        latents=accuracy(encoded, learnt, judged, seed),
        pixels=accuracy(shown, learnt, judged, seed),
    )


def read_vae_a(path: Path) -> Vae:
    """Read VAE1 from a weight file that may hold other networks too."""
    prefix = "vae_a."
    state = {n.removeprefix(prefix): v for n, v in load_file(path).items() if n.startswith(prefix)}
    vae = Vae()
    load_state(vae, state, f"{path} ({prefix}*)")
    return vae.eval()


def crops(material: Material, count: int, seed: int, mix: str = "prints") -> tuple[Tensor, Tensor]:
    """Return ``count`` crops of real prints and as many aged photographs, uint8."""
    settings, sharpened = MIXES[mix]
    source = Source(
        material=material,
        seed=seed,
        size=SIZE,
        settings=settings,
        prints=True,
        early=True,
        sharpened=sharpened,
    )
    parts = [source.batch(part.tolist()) for part in torch.arange(count).split(AT_ONCE)]
    return torch.cat([part[2] for part in parts]), torch.cat([part[3] for part in parts])


def accuracy(
    see: Callable[[Tensor], Tensor],
    learnt: tuple[Tensor, Tensor],
    judged: tuple[Tensor, Tensor],
    seed: int,
) -> float:
    """Train a classifier on what ``see`` makes of pictures; return its held-out accuracy.

    ``learnt`` and ``judged`` are pictures of both domains; domains count alike.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inputs = torch.cat([see(part) for part in learnt]).clone()
        wanted = torch.cat([torch.ones(len(learnt[0])), torch.zeros(len(learnt[1]))])
        classifier = Classifier(inputs.shape[1])
        _train(classifier, inputs, wanted)
        with torch.inference_mode():
            real, synthetic = (classifier(see(part)) > 0 for part in judged)
    return (real.float().mean() + (~synthetic).float().mean()).item() / 2


def _train(classifier: Classifier, inputs: Tensor, wanted: Tensor) -> None:
    """Train in place; afterwards the classifier is in evaluation mode."""
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=RATE, weight_decay=0.01)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(inputs)).split(BATCH):
            logits = classifier(inputs[chosen])
            loss = functional.binary_cross_entropy_with_logits(logits, wanted[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    classifier.eval()


@click.command()
@click.option("--weights", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of packed pictures.")
@click.option("--seed", default=1, show_default=True, help="Of crops and classifier.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
def main(weights: Path, data: Path, cache: Path | None, seed: int, device: str) -> None:
    """Print the accuracy of a fresh classifier between real and synthetic latents of VAE1."""
    try:
        train, held_out = (Material.read(data, split, cache) for split in ("train", "val"))
        compute = choose(device, mixed=False)
        found = {
            mix: measure(weights, train, held_out, compute, mix=mix, seed=seed) for mix in MIXES
        }
    except (FileNotFoundError, ValueError) as problem:
        raise click.ClickException(str(problem)) from problem
    for mix, one in found.items():
        click.echo(
            f"synthetic as in {mix}: latents {one.latents:.3f} (0.5 = aligned),"
            f" pixels {one.pixels:.3f}"
        )


if __name__ == "__main__":
    main()
