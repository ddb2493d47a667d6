"""Restoration of aged photographs: the step ``triplet.restore`` against classical chains.

Workload: photographs kept out of training, 512 px, aged by all kinds at once with a frozen seed.
Baselines: the input itself; median and Telea inpainting; non-local means, grey world and contrast
stretch; and all of these. The mask is the same for every method. Metrics, means over pictures:
PSNR and SSIM of luma, PSNR of RGB, feature distance, CPU seconds per megapixel; then PSNR by kind
of ageing, PSNR inside the damage against Telea alone (also with the mask widened by the pixel that
the step widens it by), and what happens to clean photographs.

    python benchmarks/triplet_restoration.py --data FOLDER --count 48

FOLDER holds ``photos`` and, if there are any, ``historic-prints`` and ``damage-overlays``, as for
``archivist train triplet``; they are not part of the project.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from _aged_photographs import Pixels, Region, Sample, Workload, as_image, masks_of
from _classical import CHAINS, telea
from _fidelity import features, psnr, ssim
from _harness import verdict

from archivist.api import Image, Mask
from archivist.testing import FakeContext
from archivist_torch.ageing import (
    KINDS,
    PICTURE_KINDS,
    AgeingSettings,
)
from archivist_triplet import compose, restore
from archivist_triplet.params import RestoreParams
from archivist_triplet.plugin import RESTORE

Method = Callable[[Pixels, Region], Pixels]
Table = dict[str, dict[str, float]]

OURS = "triplet.restore"


class Ours:
    """The step as a function of pixels and mask; its network is loaded once."""

    def __init__(self, params: RestoreParams) -> None:
        self.params = params
        self.context = FakeContext(spec=RESTORE)

    def __call__(self, pixels: Pixels, mask: Region) -> Pixels:
        """Return the restored pixels."""
        out = restore.run(_inputs(pixels, mask), self.params, self.context)["image"]
        assert isinstance(out, Image)
        return out.pixels

    def needed(self, pixels: Pixels) -> bool:
        """Say whether the step would run on a picture without a mask."""
        nothing = np.zeros(pixels.shape[:2], np.bool_)
        return restore.applies(_inputs(pixels, nothing), self.params, self.context).needed


def compare(
    samples: Sequence[Sample], masks: Sequence[Region], methods: Mapping[str, Method]
) -> Table:
    """Return the metrics of each method, means over the samples."""
    area = sum(sample.damage.size for sample in samples) / 1e6
    rows: Table = {}
    for name, method in methods.items():
        start = time.process_time()
        results = [method(s.aged, mask) for s, mask in zip(samples, masks, strict=True)]
        seconds = time.process_time() - start
        each = [
            (psnr(r, s.truth), psnr(r, s.truth, rgb=True), ssim(r, s.truth), features(r, s.truth))
            for r, s in zip(results, samples, strict=True)
        ]
        names = ("PSNR", "PSNR RGB", "SSIM", "features")
        rows[name] = dict(zip(names, np.mean(each, axis=0).tolist(), strict=True))
        rows[name]["s/MP"] = seconds / area
    return rows


def by_kind(
    workload: Workload, how: str, count: int, methods: Mapping[str, Method], best: str
) -> Table:
    """Return PSNR of the input, of the best chain and of ours for each kind of ageing alone."""
    rows: Table = {}
    for kind in KINDS:
        samples = workload.samples_of(kind, count)
        masks = masks_of(samples, how)
        rows[kind] = {
            name: _mean_psnr([methods[name](s.aged, m) for s, m in _with(samples, masks)], samples)
            for name in ("input", best, OURS)
        }
    return rows


def inside(samples: Sequence[Sample], methods: Mapping[str, Method]) -> dict[str, float]:
    """Return PSNR inside the damage alone, with the true mask."""
    damaged = [sample for sample in samples if sample.damage.any()]
    return {
        name: _finite_mean(
            [psnr(method(s.aged, s.damage), s.truth, s.damage) for s in damaged],
        )
        for name, method in methods.items()
    }


def on_clean(photos: Sequence[Pixels], ours: Ours) -> dict[str, float]:
    """Return how many clean photographs are left alone, and PSNR to the input when forced."""
    forced = Ours(dataclasses.replace(ours.params, scope="whole"))
    empty = [np.zeros(photo.shape[:2], np.bool_) for photo in photos]
    changed = [psnr(forced(p, m), p) for p, m in zip(photos, empty, strict=True)]
    skipped = sum(not ours.needed(photo) for photo in photos)
    return {"of": len(photos), "skipped": skipped, "PSNR when forced": _finite_mean(changed)}


def damage_alone() -> AgeingSettings:
    """Return settings by which every picture is damaged and nothing else befalls it."""
    never = dict.fromkeys(PICTURE_KINDS, 0.0)
    return AgeingSettings(**never, pristine=0.0, undamaged=0.0)


def table(title: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return rows as a table with a title."""
    columns = list(next(iter(rows.values())))
    width = max(len(name) for name in rows)
    lines = ["", title, " " * width + "".join(f"{_short(name):>16}" for name in columns)]
    for name, row in rows.items():
        lines.append(f"{name:{width}}" + "".join(f"{row[column]:16.3f}" for column in columns))
    return "\n".join(lines)


def judge(found: Mapping[str, Table], clean: Mapping[str, float]) -> int:
    """Print what meets its target; return 0 when all does."""
    rows, inner = found["all kinds"], found["inside the damage"]["damage alone"]
    chains = [rows[name] for name in CHAINS]
    best = max(row["PSNR"] for row in chains)
    ours = rows[OURS]
    nearest = min(row["features"] for row in chains)
    codes = (
        verdict("dB over the input", ours["PSNR"] - rows["input"]["PSNR"], at_least=3),
        verdict("dB over the best chain", ours["PSNR"] - best, at_least=1.5),
        verdict("SSIM over the best", ours["SSIM"] - max(r["SSIM"] for r in chains), at_least=0),
        verdict("feature distance to that of the best", ours["features"] / nearest, at_most=1),
        verdict("dB over Telea in the damage", inner[OURS] - inner["Telea"], at_least=2),
        verdict("clean photographs skipped", clean["skipped"] / clean["of"], at_least=46 / 48),
        verdict("dB of forced clean ones", clean["PSNR when forced"], at_least=32),
    )
    return max(codes)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--count", default=4, show_default=True, help="Photographs; 48 for the real figures.")
@click.option("--per-kind", default=0, help="Photographs for each kind; 0: a quarter of --count.")
@click.option("--mask", "how", default="true", type=click.Choice(["true", "detected", "none"]))
@click.option("--seed", default=11, show_default=True)
@click.option("--scope", default="auto", show_default=True, help="Param of the step.")
@click.option("--network", default="compact", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_context
def main(
    ctx: click.Context,
    data: Path,
    count: int,
    per_kind: int,
    how: str,
    seed: int,
    scope: str,
    network: str,
    as_json: bool,
) -> None:
    """Compare restoration with classical chains on photographs under DATA."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    workload, ours = Workload.read(data, seed), Ours(RestoreParams(network=network, scope=scope))
    methods: dict[str, Method] = {"input": lambda pixels, _: pixels, **CHAINS, OURS: ours}
    filling: dict[str, Method] = {
        "input": methods["input"],
        "Telea": telea,
        "Telea, wider": lambda pixels, mask: telea(pixels, compose.widened(mask)),
        OURS: ours,
    }
    samples = workload.samples(AgeingSettings(pristine=0.0), count)
    rows = compare(samples, masks_of(samples, how), methods)
    best = max(CHAINS, key=lambda name: rows[name]["PSNR"])
    found: dict[str, Table] = {
        "all kinds": rows,
        "PSNR by kind": by_kind(workload, how, per_kind or math.ceil(count / 4), methods, best),
        "inside the damage": {
            "all kinds": inside(samples, filling),
            "damage alone": inside(workload.samples(damage_alone(), count), filling),
        },
    }
    clean = on_clean(workload.photographs[:count], ours)
    found["clean photographs"] = {OURS: clean}
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for title, part in found.items():
        click.echo(table(title, part))
    click.echo()
    ctx.exit(judge(found, clean))


def _inputs(pixels: Pixels, mask: Region) -> dict[str, Image | Mask]:
    return {"image": as_image(pixels), "mask": Mask(pixels=mask)}


def _with(samples: Sequence[Sample], masks: Sequence[Region]) -> list[tuple[Sample, Region]]:
    return list(zip(samples, masks, strict=True))


def _mean_psnr(results: Sequence[Pixels], samples: Sequence[Sample]) -> float:
    return _finite_mean([psnr(r, s.truth) for r, s in zip(results, samples, strict=True)])


def _finite_mean(values: Sequence[float]) -> float:
    """Return the mean of values that are finite; 100 dB stands for equal pictures."""
    known = [min(value, 100.0) for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _short(name: str) -> str:
    return name if len(name) <= 15 else name[:14] + "."


if __name__ == "__main__":
    main()
