"""A scan of 12 megapixels with scratches through ``triplet.restore``: memory and time on a CPU.

Workload: 4000 x 3000 made-up pixels, 2 % of them scratched, restored whole with the compact
networks in a fresh process of one thread; then the paper's networks, quality and scratch mode, at
512 x 512, in another. Baseline: the paper's seconds per megapixel, which at 512 px flatter it: its
attention grows with the square of the area. Its weights are random: they cost the same.
Metrics: peak resident memory, at most 4 GiB; CPU seconds per megapixel, at most a third.

    python benchmarks/triplet_memory.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import click
import cv2
import numpy as np
import torch
from _harness import peak_rss_mib, show, verdict
from numpy.typing import NDArray

from archivist.api import Colour, Image, Mask
from archivist.testing import FakeContext
from archivist_triplet import restore
from archivist_triplet.paper.restore import PaperTriplet
from archivist_triplet.params import RestoreParams
from archivist_triplet.plugin import RESTORE

Pixels = NDArray[np.float32]
Region = NDArray[np.bool_]

HEIGHT, WIDTH = 3000, 4000
SCRATCHED = 0.02
PAPER_SIDE = 512
LIMIT_MIB = 4096
SHARE_OF_PAPER = 1 / 3
MODES = ("quality", "scratch")


def made_up(height: int, width: int) -> tuple[Pixels, Region]:
    """Return a faded, grainy picture and a mask whose scratches cover SCRATCHED of it."""
    rng = np.random.default_rng(3)
    coarse = rng.random((height // 50, width // 50, 3), np.float32)
    pixels = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    pixels = 0.25 + 0.4 * pixels
    pixels += 0.03 * rng.standard_normal((height, width, 1), np.float32)
    mask = np.zeros((height, width), np.uint8)
    while mask.mean() < SCRATCHED:
        ends = rng.integers(0, (width, height), (2, 2)).tolist()
        cv2.line(mask, *ends, 1, int(rng.integers(2, 9)))
    pixels[mask > 0] = 0.95
    return np.clip(pixels, 0, 1), mask > 0


def ours(height: int, width: int) -> dict[str, float]:
    """Restore the whole scan; return CPU seconds per megapixel and peak MiB."""
    pixels, mask = made_up(height, width)
    context = FakeContext(spec=RESTORE, tile=RESTORE.tiling.size)
    inputs = {"image": Image(pixels=pixels, colour=Colour.RGB), "mask": Mask(pixels=mask)}
    params = RestoreParams(scope="whole")
    before = peak_rss_mib()
    seconds = _cpu_seconds(lambda: restore.run(inputs, params, context))
    area = mask.size / 1e6
    return {"seconds": seconds / area, "peak": peak_rss_mib(), "before": before}


def paper(mode: str) -> dict[str, float]:
    """Restore 512 x 512 with the paper's networks; return CPU seconds per megapixel."""
    torch.manual_seed(0)
    network = PaperTriplet(mode).eval()  # type: ignore[arg-type]
    pixels, mask = made_up(PAPER_SIDE, PAPER_SIDE)
    picture = torch.from_numpy(pixels).permute(2, 0, 1)[None] * 2 - 1
    damage = torch.from_numpy(mask)[None, None].float() if mode == "scratch" else None
    seconds = _cpu_seconds(lambda: network.restore(picture, damage))
    return {"seconds": seconds / (mask.size / 1e6), "peak": peak_rss_mib(), "before": 0.0}


def in_a_process(*arguments: str) -> dict[str, float]:
    """Measure in a fresh process of one thread."""
    command = [sys.executable, __file__, *arguments]
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=one)
    found: dict[str, float] = json.loads(result.stdout)
    return found


@click.command()
@click.option("--height", default=HEIGHT, show_default=True)
@click.option("--width", default=WIDTH, show_default=True)
@click.argument("part", required=False, type=click.Choice(["ours", *MODES]))
@click.pass_context
def main(ctx: click.Context, height: int, width: int, part: str | None) -> None:
    """Compare memory and time; PART alone is measured in this process and printed as JSON."""
    if part is not None:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        click.echo(json.dumps(ours(height, width) if part == "ours" else paper(part)))
        return
    found = {mode: in_a_process(mode) for mode in MODES}
    mine = in_a_process("ours", "--height", str(height), "--width", str(width))
    facts: list[tuple[str, object]] = [
        ("picture", f"{width} x {height} px, {SCRATCHED:.0%} scratched"),
        ("peak memory", f"{mine['peak']:.0f} MiB ({mine['before']:.0f} before the step)"),
        ("compact", f"{mine['seconds']:.2f} CPU s/MP"),
        *((f"paper, {mode}", f"{found[mode]['seconds']:.1f} CPU s/MP at 512 px") for mode in MODES),
    ]
    show("triplet.restore on a large scan", facts)
    codes = [verdict("peak MiB", mine["peak"], at_most=LIMIT_MIB)]
    for mode in MODES:
        ratio = mine["seconds"] / found[mode]["seconds"]
        codes.append(verdict(f"time over that of paper, {mode}", ratio, at_most=SHARE_OF_PAPER))
    ctx.exit(max(codes))


def _cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
