"""How near restored prints come to sound photographs: there is no truth to compare them with.

``python -m archivist_triplet.likeness --data DIR --weights A --weights B`` restores held-out prints
by each weight file and prints the kernel distance of their features from those of held-out sound
photographs, beside that of the prints as they are. Both are made grey, for nearly all prints are.

Kernel distance: squared maximum mean discrepancy with a cubic kernel (Binkowski et al.,
"Demystifying MMD GANs", 2018), unbiased, on features of EfficientNet-Lite0 averaged over each crop.
It asks whether pictures look like photographs, not whether they look like what was photographed;
the prints show other things than the photographs do, so that it does not reach 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_torch.degrade import luma
from archivist_torch.efficientnet import EfficientNetLite0, load_efficientnet
from archivist_torch.weights import load_network
from archivist_triplet import compose, inference
from archivist_triplet.compact import Triplet
from archivist_triplet.params import RestoreParams
from archivist_triplet.samples import Album, Material

Pixels = NDArray[np.float32]
SIDE = 384
"""Side of the middle square of each picture, in pixels."""
AS_THEY_ARE = "as they are"
RESAMPLED = 200
"""Times that pictures are drawn again for the standard error."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Kernel distance times 1000 and its standard error, over pictures drawn again."""

    distance: float
    error: float


@torch.inference_mode()
def described(pictures: list[Pixels], network: EfficientNetLite0) -> Tensor:
    """Return mean features (n, channels) of all strides; pictures (h, w, 3) are made grey."""
    rows = []
    for pixels in pictures:
        grey = torch.from_numpy(np.repeat(luma(pixels)[None, None], 3, axis=1)) * 2 - 1
        rows.append([layer.mean((2, 3))[0] for layer in network.features(grey)])
    return torch.stack([torch.cat(row) for row in rows])


def kernel_distance(first: Tensor, second: Tensor) -> float:
    """Return the unbiased squared discrepancy of two sets of rows by a cubic kernel."""

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a.double() @ b.double().T / a.shape[1] + 1) ** 3

    def within(a: Tensor) -> Tensor:
        values = kernel(a, a)
        return (values.sum() - values.diagonal().sum()) / (len(a) * (len(a) - 1))

    return (within(first) + within(second) - 2 * kernel(first, second).mean()).item()


def likeness(prints: Tensor, photographs: Tensor, *, seed: int = 1) -> Likeness:
    """Return how near features of prints lie to those of photographs; the scale is common.

    Features are standardised by the photographs. The error is the deviation over half the prints,
    drawn anew each time, by the root of two.
    """
    mean, scale = photographs.mean(0), photographs.std(0) + 1e-6
    first, second = (((x - mean) / scale).clamp(-5, 5) for x in (prints, photographs))
    rng = np.random.default_rng(seed)
    halves = [
        kernel_distance(first[rng.permutation(len(first))[: len(first) // 2]], second)
        for _ in range(RESAMPLED)
    ]
    error = float(np.std(halves)) / np.sqrt(2)
    return Likeness(1000 * kernel_distance(first, second), 1000 * error)


def restorer(weights: Path) -> Callable[[Pixels], Pixels]:
    """Return restoration of whole pictures, without a mask, by a weight file."""
    network = load_network(Triplet, weights)

    def restore(pixels: Pixels) -> Pixels:
        nothing = np.zeros(pixels.shape[:2], np.bool_)
        both = inference.restore(network, pixels, nothing, tile=1024)
        return compose.whole(pixels, both, nothing, RestoreParams())

    return restore


def middles(album: Album, count: int) -> list[Pixels]:
    """Return middle squares of ``count`` pictures, spread over an album, SIDE at most."""
    chosen = np.linspace(0, len(album) - 1, min(count, len(album)), dtype=int)
    return [_middle(album[int(number)].numpy()) for number in chosen]


def _middle(pixels: NDArray[np.uint8]) -> Pixels:
    spans = [(max(0, (side - SIDE) // 2), min(side, SIDE)) for side in pixels.shape[:2]]
    (top, height), (left, width) = spans
    cut = pixels[top : top + height, left : left + width]
    return cut.astype(np.float32) / np.float32(255)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--weights", multiple=True, required=True, type=click.Path(path_type=Path, exists=True)
)
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of packed pictures.")
@click.option("--count", default=93, show_default=True, type=click.IntRange(8))
def main(data: Path, weights: tuple[Path, ...], cache: Path | None, count: int) -> None:
    """Print how near held-out prints come to photographs, as they are and restored."""
    try:
        material = Material.read(data, "val", cache)
    except (FileNotFoundError, ValueError) as problem:
        raise click.ClickException(str(problem)) from problem
    if material.prints is None:
        raise click.ClickException(f"{data} has no historic-prints; put scans of old prints there")
    network = load_efficientnet()
    photographs = described(middles(material.photos, count), network)
    prints = middles(material.prints, count)
    ways: dict[str, Callable[[Pixels], Pixels]] = {AS_THEY_ARE: lambda pixels: pixels}
    ways |= {str(path): restorer(path) for path in weights}
    for name, way in ways.items():
        found = likeness(described([way(pixels) for pixels in prints], network), photographs)
        click.echo(f"{found.distance:8.2f} +- {found.error:.2f}  {name}")


if __name__ == "__main__":
    main()
