"""Texture matching: sums over shifts against patches unfolded and multiplied.

Workload: features of 256 channels, correlated as those of two similar photographs are. Baseline:
the formula of the TTSR paper written plainly, unfold, normalise, one product of all patches, its
maximum. Metric: CPU seconds as a ratio, alternating in one run; peak memory beyond the features,
each in a process of its own; the largest difference of the similarities; for ``fast`` the ratio to
the exact search and the similarity lost. A size beyond the baseline's memory is run by ours alone.

    python benchmarks/reference_matching.py [--side 64] [--side 128] [--large 192]
"""

from __future__ import annotations

import functools
import subprocess
import sys
import time
from collections.abc import Callable

import click
import torch
from _harness import Pair, interleave, peak_rss_mib, show, timed, verdict
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


METHODS: dict[str, Callable[[Tensor, Tensor], object]] = {
    "plain": plain,
    "ours": ours,
    "fast": lambda queries, keys: ours(queries, keys, fast=True),
}


def extra_memory(method: str, side: int) -> tuple[float, float]:
    """Return MiB beyond the features, and CPU seconds, of a method in a process of its own."""
    command = [sys.executable, __file__, "--alone", method, "--side", str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    memory, seconds = done.stdout.split()
    return float(memory), float(seconds)


def alone(method: str, side: int) -> None:
    """Print the memory and time of one method, for :func:`extra_memory`."""
    METHODS[method](*features(16))
    pair = features(side)
    before = peak_rss_mib()
    seconds = timed(lambda: METHODS[method](*pair), time.process_time)
    print(peak_rss_mib() - before, seconds)


def alternate(first: str, second: str, pair: tuple[Tensor, Tensor], rounds: int) -> Pair:
    """Return the CPU seconds of two methods in turn."""
    baseline, candidate = (functools.partial(METHODS[name], *pair) for name in (first, second))
    return interleave(baseline, candidate, rounds=rounds, clock=time.process_time)


def compare(side: int, rounds: int) -> int:
    """Compare at one size, print, and return how many targets were missed."""
    pair = features(side)
    exact = alternate("plain", "ours", pair, rounds)
    quick = alternate("ours", "fast", pair, rounds)
    found, fast = ours(*pair), ours(*pair, fast=True)
    difference = (plain(*pair) - found.similarity.flatten()).abs().max()
    loss = (found.similarity - fast.similarity).mean()
    memory = {method: extra_memory(method, side)[0] for method in METHODS}
    show(
        f"{side} x {side} queries and keys, {CHANNELS} channels",
        [
            ("CPU seconds: plain, ours", "{:.2f}, {:.2f}".format(*exact.medians)),
            ("CPU seconds: ours, fast", "{:.2f}, {:.2f}".format(*quick.medians)),
            ("extra MiB: " + ", ".join(memory), ", ".join(f"{m:.0f}" for m in memory.values())),
            ("similarity: greatest difference", f"{difference:.1e}"),
            ("similarity that fast loses, mean", f"{loss:.1e}"),
        ],
    )
    missed = verdict("times as fast as plain", 1 / exact.ratio, at_least=TARGET.get(side, 1))
    missed += verdict("times as fast again", 1 / quick.ratio, at_least=FAST.get(side, 1))
    missed += verdict("extra MiB", memory["ours"], at_most=EXTRA_MIB)
    return missed + verdict("difference", float(difference), at_most=1e-5)


@click.command()
@click.option("--side", "sides", multiple=True, default=(64, 128), show_default=True)
@click.option("--large", default=192, show_default=True, help="A size for ours alone; 0 for none.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--alone", "method", hidden=True)
def main(sides: tuple[int, ...], large: int, rounds: int, method: str | None) -> None:
    """Compare our matching with the paper's formula."""
    torch.set_num_threads(1)
    if method:
        alone(method, sides[0])
        return
    missed = sum(compare(side, rounds) for side in sides)
    if large:
        memory, seconds = extra_memory("ours", large)
        facts = [("extra memory, MiB", f"{memory:.0f}"), ("CPU seconds", f"{seconds:.1f}")]
        show(f"ours alone, {large} x {large} queries and keys", facts)
    sys.exit(min(missed, 1))


if __name__ == "__main__":
    main()
