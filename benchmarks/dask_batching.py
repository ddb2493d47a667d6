"""What batches save against one Dask task for each asset.

Workload: no-op assets on two worker processes, 4,000 in batches and 500 by ``client.map`` (which
takes its 3 ms or more for each, however many there are); ``--full`` takes 10,000 of both. Baseline:
``client.map`` and ``gather`` on the very same cluster. Metric: seconds of an asset, baseline over
ours, the median of three pairs that take turns. Targets: 5 times, at most 4 tasks in the scheduler
for each worker, and messages below 64 kB.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from itertools import count

from _harness import interleave, peak_rss_mib, read_sizes, show, verdict

from archivist.api import Colour
from archivist.model import Asset, FileWork, Header, PageWork, UnitOutcome, WorkUnit, now
from archivist.schedule.batches import Batcher
from archivist.schedule.dask_runner import DaskRunner
from archivist.schedule.dask_worker import dump_units
from archivist.schedule.runner import Requirement, StopSignal, make_runner

WORKERS = 2


def units(number: int) -> Iterator[WorkUnit]:
    """Yield units of one small file each, as the planner makes them."""
    header = Header(format="JPEG", width=6000, height=4000, colour=Colour.RGB, depth=8)
    for index in range(number):
        digest = f"{index:064x}"
        page = PageWork(asset=Asset(digest=digest, page=0, pages=1, header=header), tasks=())
        file = FileWork(digest=digest, paths=(f"box/{index}.jpg",), pages=(page,))
        yield WorkUnit(uid=digest, files=(file,), seconds=0.001)


def nothing(batch: Sequence[WorkUnit]) -> list[UnitOutcome]:
    """Do nothing for each unit."""
    return [one(unit) for unit in batch]


def one(unit: WorkUnit) -> UnitOutcome:
    """Do nothing for a unit."""
    return UnitOutcome(unit=unit.uid, assets=(), started=now(), seconds=0.0)


class Bench:
    """Both ways on one cluster, and the largest number of tasks that its scheduler held."""

    def __init__(self, runner: DaskRunner, ours: int, mapped: int) -> None:
        self._runner, self._ours, self._mapped = runner, ours, mapped
        self._rounds = count()
        self.most_tasks = 0

    def batches(self) -> None:
        """Our way."""
        tasks = self._runner.client.cluster.scheduler.tasks
        done = 0
        for _ in self._runner.run(units(self._ours), nothing, stop=StopSignal()):
            done += 1
            self.most_tasks = max(self.most_tasks, len(tasks))
        assert done == self._ours

    def one_task_each(self) -> None:
        """Dask's plain way."""
        client = self._runner.client
        futures = client.map(one, list(units(self._mapped)), pure=False)
        assert len(client.gather(futures)) == self._mapped


def main() -> int:
    """Run the benchmark; the exit code is 0 when all targets are met."""
    options = read_sizes(__doc__, assets=(4_000, 10_000), map=(500, 10_000), rounds=(3, 3))
    runner = make_runner("auto", workers=WORKERS, requirement=Requirement(ram_mib=64))
    assert isinstance(runner, DaskRunner)
    with runner:
        bench = Bench(runner, options.assets, options.map)
        bench.batches()
        pair = interleave(bench.one_task_each, bench.batches, rounds=options.rounds)
    plain, batched = pair.medians
    each, ours = plain / options.map, batched / options.assets
    ratio = statistics.median(
        (b / options.map) / (c / options.assets)
        for b, c in zip(pair.baseline, pair.candidate, strict=True)
    )
    sizes = [
        len(dump_units(b.units)) for b in iter(Batcher(units(2000), workers=WORKERS).take, None)
    ]
    show(
        f"dask_batching: no-op assets on {WORKERS} workers",
        [
            (f"client.map of {options.map}", f"{plain:.2f} s = {each * 1000:.3f} ms each"),
            (f"batches of {options.assets}", f"{batched:.2f} s = {ours * 1000:.3f} ms each"),
            ("tasks in the scheduler, at most", bench.most_tasks),
            ("largest message", f"{max(sizes) / 1024:.1f} kB"),
            ("peak memory of driver and scheduler", f"{peak_rss_mib():.0f} MiB"),
        ],
    )
    missed = verdict("times as fast as client.map", ratio, at_least=5)
    missed |= verdict("tasks in the scheduler", bench.most_tasks, at_most=4 * WORKERS)
    return missed | verdict("kB of the largest message", max(sizes) / 1024, at_most=64)


if __name__ == "__main__":
    sys.exit(main())
