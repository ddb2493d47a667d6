"""Fair timing for all benchmarks: baseline and candidate take turns in one run."""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds of each round, baseline and candidate side by side."""

    baseline: tuple[float, ...]
    candidate: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median over the rounds of candidate time over baseline time."""
        return statistics.median(c / b for b, c in zip(self.baseline, self.candidate, strict=True))

    @property
    def medians(self) -> tuple[float, float]:
        """The median seconds of baseline and candidate."""
        return statistics.median(self.baseline), statistics.median(self.candidate)


def interleave(
    baseline: Callable[[], object],
    candidate: Callable[[], object],
    *,
    rounds: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> Pair:
    """Time both in turn, after one round that does not count, and return all times.

    They alternate, because another process may slow this machine down for some seconds; the order
    within a round alternates too. ``clock=time.process_time`` counts CPU seconds instead, which
    hold better on a machine with other work.
    """
    baseline(), candidate()
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = ((0, baseline), (1, candidate))
        for place, function in order if number % 2 == 0 else order[::-1]:
            times[place].append(timed(function, clock))
    return Pair(tuple(times[0]), tuple(times[1]))


def timed(function: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds of one call, by default of the wall clock."""
    gc.collect()
    start = clock()
    function()
    return clock() - start


def peak_rss_mib() -> float:
    """Return the largest resident memory of this process so far, in MiB.

    On Linux from the process's own memory map: getrusage would count that of the process which
    started this one, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def read_sizes(description: str | None, **sizes: tuple[int, int]) -> argparse.Namespace:
    """Read the command line; each size is (quick, full), and ``--NAME`` asks for another.

    The quick ones show the ratios already; ``--full`` takes those of the targets.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--full", action="store_true", help="take the sizes of the targets")
    for name, (quick, full) in sizes.items():
        parser.add_argument(f"--{name}", type=int, help=f"{quick}, with --full {full}")
    options = parser.parse_args()
    for name, pair in sizes.items():
        if getattr(options, name) is None:
            setattr(options, name, pair[options.full])
    return options


def show(title: str, facts: Sequence[tuple[str, object]]) -> None:
    """Print a title and facts in two columns."""
    print(title)
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"  {name.ljust(width)}  {value}")


def verdict(name: str, value: float, *, at_most: float | None = None, at_least: float = 0) -> int:
    """Print whether a number meets its target, and return the exit code that says so."""
    met = (at_most is None or value <= at_most) and value >= at_least
    target = f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}"
    print(f"{'MET' if met else 'MISSED'}: {name} {value:.3g}, target {target}")
    return 0 if met else 1
