"""Whether more device workers finish proportionally more, with never two tasks on one device.

Workload: a step that holds its device for 200 ms, on 1, 2, 4 and 8 simulated devices, 10 assets (16
with --full) for each device. Baseline: one device worker. Metric: assets a second divided by
(devices times the baseline's), the median of the rounds, in which all sizes take turns. The start
of the workers is not counted. Targets: 0.9 of linear, and no two tasks on one device at a time.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from _harness import read_sizes, show, verdict

from archivist.model import UnitOutcome, WorkUnit, now
from archivist.schedule.devices import Gpu
from archivist.schedule.runner import Requirement, Runner, StopSignal, make_runner

HOLD_SECONDS = 0.2
SIZES = (1, 2, 4, 8)


def hold(units: Sequence[WorkUnit]) -> list[UnitOutcome]:
    """Hold the device of this worker for each unit, and tell when and which."""
    outcomes = []
    for unit in units:
        started = time.monotonic()  # one clock for all processes of the machine
        time.sleep(HOLD_SECONDS)
        facts = {"device": os.environ["CUDA_VISIBLE_DEVICES"], "pid": os.getpid()}
        interval = {"from": started, "to": time.monotonic(), **facts}
        outcomes.append(
            UnitOutcome(
                unit=unit.uid, assets=(), environment=interval, started=now(), seconds=HOLD_SECONDS
            )
        )
    return outcomes


def units(count: int) -> Iterator[WorkUnit]:
    """Yield units that are expected to take what they take."""
    return (WorkUnit(uid=str(n), files=(), seconds=HOLD_SECONDS, vram_mib=1) for n in range(count))


def collisions(outcomes: Sequence[UnitOutcome]) -> int:
    """Return how often a task began on a device before the one before it had ended."""
    by_device: dict[object, list[tuple[float, float]]] = defaultdict(list)
    for outcome in outcomes:
        facts = outcome.environment
        by_device[facts["device"]].append((facts["from"], facts["to"]))
    return sum(
        later[0] < earlier[1]
        for spans in by_device.values()
        for earlier, later in zip(sorted(spans), sorted(spans)[1:], strict=False)
    )


def one_run(runner: Runner, devices: int, each: int) -> tuple[float, int]:
    """Return the assets a second of a run, and its collisions."""
    start = time.perf_counter()
    outcomes = list(runner.run(units(devices * each), hold, stop=StopSignal()))
    seconds = time.perf_counter() - start
    used = {outcome.environment["device"] for outcome in outcomes}
    assert len(outcomes) == devices * each
    assert len(used) == devices, f"{len(used)} of {devices} devices were used"
    return len(outcomes) / seconds, collisions(outcomes)


def main() -> int:
    """Run the benchmark; the exit code is 0 when both targets are met."""
    options = read_sizes(__doc__, assets=(10, 16), rounds=(2, 3))
    rates: dict[int, list[float]] = {size: [] for size in SIZES}
    clashes = 0
    with ExitStack() as stack:
        runners = {}
        for size in SIZES:
            gpus = [Gpu(f"simulated-{number}", "simulated") for number in range(size)]
            needs = Requirement(ram_mib=1, needs_gpu=True)
            runners[size] = stack.enter_context(make_runner("auto", requirement=needs, gpus=gpus))
        for _ in range(options.rounds):
            for size, runner in runners.items():
                rate, clash = one_run(runner, size, options.assets)
                rates[size].append(rate)
                clashes += clash
    shares = {
        size: statistics.median(r / (size * b) for r, b in zip(rates[size], rates[1], strict=True))
        for size in SIZES
    }
    ideal = 1 / HOLD_SECONDS
    show(
        f"scaling: a step that holds its device for {HOLD_SECONDS * 1000:.0f} ms",
        [
            (
                f"{size} device workers",
                f"{statistics.median(rates[size]):6.2f} assets/s = {shares[size]:.3f} of linear, "
                f"{statistics.median(rates[size]) / (size * ideal):.3f} of the devices' limit",
            )
            for size in SIZES
        ],
    )
    missed = verdict("share of linear", min(shares.values()), at_least=0.9)
    return missed | verdict("two tasks on one device", clashes, at_most=0)


if __name__ == "__main__":
    sys.exit(main())
