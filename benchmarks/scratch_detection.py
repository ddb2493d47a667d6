"""Scratch detection: the compact network at native size against the same in a 256-pixel copy.

Workload: photographs kept out of training, with overlays kept out of training laid on them, at 512
and 1024 px, bright and dark; and the same photographs without damage. Baseline: the scheme of the
paper's program, which reduces every picture to a short side of 256 px. Metric: mean over pictures
of the average precision per pixel; on clean photographs the share of flagged pixels and the number
of masks that are entirely empty.

    python benchmarks/scratch_detection.py --data FOLDER

FOLDER holds ``photos`` and ``damage-overlays`` as for ``archivist train scratch``; they are not
part of the project.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import click
import cv2
import numpy as np
import torch

from archivist.api import Colour, Image, Mask, Probability, Value
from archivist.testing import FakeContext
from archivist_scratch import detect
from archivist_scratch.evaluation import composites, fit, mean_precision
from archivist_scratch.features import Pixels
from archivist_scratch.params import DetectParams
from archivist_scratch.plugin import DETECT
from archivist_scratch.synthesis import Material

SCHEMES = ("native", "short_side_256")
SIZES = (512, 1024)


class Step:
    """The step ``scratch.detect`` as a function of grey pixels, in one scheme."""

    def __init__(self, scheme: str, context: FakeContext) -> None:
        self.params, self.context = DetectParams(scheme=scheme), context
        self.seconds, self.megapixels = 0.0, 0.0

    def run(self, grey: Pixels) -> Mapping[str, Value]:
        """Return the step's outputs, keeping the time."""
        image = Image(pixels=grey[..., None].copy(), colour=Colour.GREY)
        start = time.perf_counter()
        out = detect.run({"image": image}, self.params, self.context)
        self.seconds += time.perf_counter() - start
        self.megapixels += grey.size / 1e6
        return out

    def probability(self, grey: Pixels) -> Pixels:
        """Return the probability map."""
        found = self.run(grey)["probability"]
        assert isinstance(found, Probability)
        return found.pixels

    def mask(self, grey: Pixels) -> np.ndarray:
        """Return the mask."""
        found = self.run(grey)["mask"]
        assert isinstance(found, Mask)
        return found.pixels


def on_damage(material: Material, step: Step, count: int, seed: int) -> dict[str, float]:
    """Return the mean average precision by size and polarity."""
    return {
        f"{size} {'bright' if bright else 'dark'}": mean_precision(
            step.probability, composites(material, size, bright, count, seed)
        )
        for size in SIZES
        for bright in (True, False)
    }


def on_clean(material: Material, step: Step, count: int) -> dict[str, float]:
    """Return by size the flagged share and the number of empty masks on clean photographs."""
    found = {}
    for size in SIZES:
        masks = [step.mask(fit(photo, size)) for photo in material.photos[:count]]
        found[f"{size} clean flagged"] = float(np.mean([mask.mean() for mask in masks]))
        found[f"{size} clean empty"] = sum(not mask.any() for mask in masks)
    return found


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return the results as a table, with the ratio of the first scheme to the second."""
    first, second = rows.values()
    lines = [f"{'':22}" + "".join(f"{name:>18}" for name in (*rows, "ratio"))]
    for name in first:
        a, b = first[name], second[name]
        ratio = f"{a / b:18.2f}" if b else f"{'-':>18}"
        lines.append(f"{name:22}{a:18.4f}{b:18.4f}{ratio}")
    return "\n".join(lines)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--count", default=24, show_default=True, help="Composites of each kind.")
@click.option("--clean", default=48, show_default=True, help="Clean photographs.")
@click.option("--seed", default=7, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(data: Path, count: int, clean: int, seed: int, as_json: bool) -> None:
    """Compare the two schemes on photographs under DATA."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    material = Material.read(data, "val")
    context = FakeContext(spec=DETECT, tile=1024)
    rows = {}
    for scheme in SCHEMES:
        step = Step(scheme, context)
        row = on_damage(material, step, count, seed) | on_clean(material, step, clean)
        row["seconds per megapixel"] = step.seconds / step.megapixels
        rows[scheme] = row
    click.echo(json.dumps(rows, indent=1) if as_json else table(rows))


if __name__ == "__main__":
    main()
