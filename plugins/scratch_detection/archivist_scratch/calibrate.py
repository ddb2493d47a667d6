"""Fit the judge of regions to a trained network, and see what it does to clean photographs.

``python -m archivist_scratch.calibrate --data FOLDER WEIGHTS OUT`` measures regions on training
photographs, half of them damaged, fits the judge, and writes WEIGHTS with the judge in its metadata
to OUT. Then it prints how many clean pictures of the validation part would stay empty at which
``conviction``, and how many damaged ones would be found.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_scratch.damage import DAMAGED, SOUND, apply_layers, narrow_truth, random_layers
from archivist_scratch.evaluation import composites, fit
from archivist_scratch.features import Pixels
from archivist_scratch.network import Compact
from archivist_scratch.params import DetectParams
from archivist_scratch.regions import Judge, decide, fit_judge, measure
from archivist_scratch.synthesis import Material
from archivist_scratch.train import answers
from archivist_torch.device import choose
from archivist_torch.seeding import generator
from archivist_torch.weights import load_weights, save_weights

Detect = Callable[[Pixels], Pixels]

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.81, 0.82, 0.83, 0.84, 0.85, 0.86, 0.88, 0.9, 0.92, 0.94, 0.96)
SIDE = 512
"""Longer side in pixels of the pictures that are measured."""


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--pictures", default=300, show_default=True, help="Training pictures to measure.")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of packed pictures.")
@click.argument("weights", type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=click.Path(path_type=Path))
def main(data: Path, pictures: int, cache: Path | None, weights: Path, out: Path) -> None:
    """Fit the judge of WEIGHTS and write both to OUT."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    network, compute = Compact(), choose(mixed=False)
    metadata = load_weights(network, weights)
    network = network.eval().folded()

    def detect(grey: Pixels) -> Pixels:
        return answers(network, grey, compute)[1]

    judge = fit_judge(*measured(Material.read(data, "train", cache), detect, pictures))
    click.echo(judge.to_json())
    loaded = Compact()
    load_weights(loaded, weights)
    save_weights(loaded.state_dict(), out, {**metadata, "judge": judge.to_json()}, torch.float16)
    click.echo(consequences(Material.read(data, "val", cache), detect, judge))


def measured(
    material: Material, detect: Detect, pictures: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the measurements of regions and whether each is damage; unclear ones are left out."""
    params = DetectParams()
    measures, damaged = [], []
    for index in range(pictures):
        rng = generator("calibrate", index)
        grey = fit(material.photos[rng.integers(len(material.photos))], SIDE)
        truth = np.zeros(grey.shape, np.uint8)
        if index % 2:
            layers = random_layers(grey.shape, rng, material.overlays)
            grey, truth = apply_layers(grey, layers)
            truth = narrow_truth(truth)
        found = measure(detect(grey), params.threshold)
        real, sound = (
            np.bincount(found.labels.ravel(), (truth == value).ravel()) / found.area
            for value in (DAMAGED, SOUND)
        )
        candidate = (found.peak >= params.certainty) & (found.area >= params.least_region)
        candidate &= (real > 0.3) | (sound > 0.9)
        candidate[0] = False
        measures.append(found.measures[candidate])
        damaged.append(real[candidate] > 0.3)
    return np.concatenate(measures), np.concatenate(damaged)


def consequences(material: Material, detect: Detect, judge: Judge) -> str:
    """Return a table: by conviction, clean pictures left empty and damaged pictures found."""
    params = DetectParams(conviction=0.0)

    def sure(grey: Pixels) -> float:
        return decide(detect(grey), params, judge, grey).conviction

    clean = np.array([sure(fit(photo, SIDE)) for photo in material.photos])
    damaged = np.array(
        [
            sure(picture.pixels)
            for bright in (True, False)
            for picture in composites(material, SIDE, bright, 24, seed=3)
        ]
    )
    head = f"conviction  empty of {len(clean)} clean  found of {len(damaged)} damaged"
    rows = (
        f"{level:10.3f}{(clean < level).sum():19d}{(damaged >= level).sum():22d}"
        for level in LEVELS
    )
    return "\n".join((head, *rows))


if __name__ == "__main__":
    main()
