"""Texture matching: sums over shifts against patches unfolded and multiplied.

Workload: features of 256 channels, correlated as those of two similar photographs are. Baseline:
the formula of the TTSR paper written plainly, unfold, normalise, one product of all patches, its
maximum. Metric: CPU seconds as a ratio, methods taking turns in one run, and peak memory beyond the
features, each in a process of its own; the largest difference of the similarities; for ``fast`` the
ratio to the exact search and the similarity lost. A size beyond the baseline's memory is run by
ours alone.

    python benchmarks/reference_matching.py [--side 64] [--side 128] [--large 192]
"""

from __future__ import annotations

import math
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from _harness import peak_rss_mib, show, verdict
from torch import Tensor
from torch.nn import functional

from archivist_reference_sr.matching import Matcher, Matches
from archivist_reference_sr.patches import bordered

CHANNELS = 256
TARGET = {64: 3.5, 128: 2.2}
"""How many times faster than the baseline, by side."""
EXTRA_MIB = 200
FAST = {64: 1, 128: 1.8}
"""The same for ``fast`` against ours; at 64 half of the time is not spent in products."""


def features(side: int) -> tuple[Tensor, Tensor]:
    """Return queries and keys (256, side, side): a scene, and the same moved and with noise."""
    generator = torch.Generator().manual_seed(1)

    def smooth(channels: int) -> Tensor:
        coarse = torch.randn(1, channels, side // 2, side // 2, generator=generator)
        return functional.interpolate(coarse, (side, side), mode="bilinear")[0]

    mix = torch.randn(CHANNELS, 48, generator=generator) / 7
    scene = (mix @ smooth(48).flatten(1)).view(CHANNELS, side, side)
    moved = scene.roll((5, -9), (1, 2))
    queries, keys = (
        (part + 0.15 * torch.randn(part.shape, generator=generator)).relu()
        for part in (scene, moved)
    )
    return queries, keys


def plain(queries: Tensor, keys: Tensor) -> Tensor:
    """Return the similarity of every query's best key by the paper's formula."""
    ours, theirs = (functional.unfold(f[None], 3, padding=1) for f in (queries, keys))
    ours = functional.normalize(ours, dim=1)
    theirs = functional.normalize(theirs.transpose(1, 2), dim=2)
    return torch.bmm(theirs, ours).max(1).values[0]


def ours(queries: Tensor, keys: Tensor, *, fast: bool = False) -> Matches:
    """Return the matches of our search."""
    matcher = Matcher(queries, fast=fast)
    matcher.search(bordered(keys))
    return matcher.matches()


METHODS: dict[str, Callable[[Tensor, Tensor], Tensor | Matches]] = {
    "plain": plain,
    "ours": ours,
    "fast": lambda queries, keys: ours(queries, keys, fast=True),
}


@dataclass(frozen=True, slots=True)
class Alone:
    """What a method needed in a process of its own, and the similarities that it found.

    ``finished`` is False when it was stopped; ``seconds`` are then the limit.
    """

    seconds: float
    extra_mib: float
    similarity: Tensor | None
    finished: bool = True


def alone(method: str, side: int, limit: float) -> Alone:
    """Run a method in a process of its own, for at most ``limit`` CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "similarity.pt"
        command = [sys.executable, __file__, "--alone", method, "--side", str(side)]
        command += ["--keep", str(kept), "--limit", str(limit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == -signal.SIGXCPU:
            return Alone(limit, math.inf, None, finished=False)
        done.check_returncode()
        seconds, memory = (float(number) for number in done.stdout.split())
        return Alone(seconds, memory, torch.load(kept, weights_only=True))


def measure(method: str, side: int, kept: Path, limit: float) -> None:
    """Print time and memory of one method and keep its result, for :func:`alone`."""
    METHODS[method](*features(16))
    pair = features(side)
    used = math.ceil(time.process_time() + limit)
    resource.setrlimit(resource.RLIMIT_CPU, (used, used + 5))
    before, begun = peak_rss_mib(), time.process_time()
    found = METHODS[method](*pair)
    seconds, memory = time.process_time() - begun, peak_rss_mib() - before
    torch.save(found if isinstance(found, Tensor) else found.similarity.flatten(), kept)
    print(seconds, memory)


def compare(side: int, rounds: int, limit: float) -> int:
    """Compare at one size, print, and return how many targets were missed.

    Methods take turns, each time in a fresh process; the median of the rounds counts. One that was
    stopped at the limit is not tried again.
    """
    runs: dict[str, list[Alone]] = {method: [] for method in METHODS}
    for _ in range(rounds):
        for method, found in runs.items():
            if not found or found[-1].finished:
                found.append(alone(method, side, limit))
    seconds = {m: statistics.median(one.seconds for one in found) for m, found in runs.items()}
    plain_one, ours_one, fast_one = (found[-1] for found in runs.values())
    assert ours_one.similarity is not None
    assert fast_one.similarity is not None
    loss = float((ours_one.similarity - fast_one.similarity).mean())
    stopped = "" if plain_one.finished else f" (plain was stopped after {limit:g} CPU seconds)"
    show(
        f"{side} x {side} queries and keys, {CHANNELS} channels{stopped}",
        [
            ("CPU seconds: " + ", ".join(runs), ", ".join(f"{s:.2f}" for s in seconds.values())),
            ("extra MiB", ", ".join(f"{found[-1].extra_mib:.0f}" for found in runs.values())),
            ("similarity that fast loses, mean", f"{loss:.1e}"),
        ],
    )
    faster, again = seconds["plain"] / seconds["ours"], seconds["ours"] / seconds["fast"]
    missed = verdict("times as fast as plain", faster, at_least=TARGET.get(side, 1))
    missed += verdict("times as fast again", again, at_least=FAST.get(side, 1))
    missed += verdict("extra MiB", ours_one.extra_mib, at_most=EXTRA_MIB)
    if plain_one.similarity is not None:
        difference = float((plain_one.similarity - ours_one.similarity).abs().max())
        missed += verdict("difference", difference, at_most=1e-5)
    return missed


@click.command()
@click.option("--side", "sides", multiple=True, default=(64, 128), show_default=True)
@click.option("--large", default=192, show_default=True, help="A size for ours alone; 0 for none.")
@click.option("--rounds", default=2, show_default=True)
@click.option("--limit", default=300.0, show_default=True, help="CPU seconds for one method.")
@click.option("--alone", "method", hidden=True)
@click.option("--keep", type=click.Path(path_type=Path), hidden=True)
def main(
    sides: tuple[int, ...],
    large: int,
    rounds: int,
    limit: float,
    method: str | None,
    keep: Path | None,
) -> None:
    """Compare our matching with the paper's formula."""
    torch.set_num_threads(1)
    if method and keep:
        measure(method, sides[0], keep, limit)
        return
    missed = sum(compare(side, rounds, limit) for side in sides)
    if large:
        found = alone("ours", large, limit)
        show(
            f"ours alone, {large} x {large} queries and keys",
            [
                ("extra memory, MiB", f"{found.extra_mib:.0f}"),
                ("CPU seconds", f"{found.seconds:.1f}"),
            ],
        )
    sys.exit(min(missed, 1))


if __name__ == "__main__":
    main()
