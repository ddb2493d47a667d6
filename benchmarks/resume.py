"""What a killed run costs: kill -9 of a worker, then of the driver, then the same command again.

Workload: images through the steps of an archive with two worker processes. Baseline: the same run
undisturbed. Metrics: lost assets (goal: none), assets treated twice (goal: at most one window of
batches), time of a further run that finds nothing to do as a share of the first (goal: 2 %).
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from _harness import show, verdict
from _noop_plugin import noop_plugin
from PIL import Image as PillowImage

from archivist.catalog import queries
from archivist.catalog.session import open_catalog
from archivist.config import default_catalog

DRIVER = """
import sys
from dataclasses import replace
from pathlib import Path
from archivist.config import RecipeSettings, load
from archivist.pipeline import Job, run

if __name__ == "__main__":
    steps = tuple({"use": f"noop.{name}"} for name in ("one", "two", "smooth"))
    settings = replace(load(), recipes={"noop": RecipeSettings(steps=steps)})
    job = Job(scans=Path(sys.argv[1]), out=Path(sys.argv[2]), settings=settings, recipe="noop",
              scheduler="auto", workers=2)
    sys.exit(run(job).failed)
"""
WINDOW = 2 * 2 * 64
"""Two workers, two batches in flight each, at most 64 units in a batch."""


def make_scans(folder: Path, count: int, side: int) -> None:
    """Write photograph-like pictures, each different."""
    folder.mkdir()
    random = np.random.default_rng(0)
    base = np.clip(np.cumsum(random.normal(0, 2, (side, side)), axis=1) + 128, 0, 255)
    for number in range(count):
        image = np.roll(base, number, axis=1).astype(np.uint8)
        image.flat[:2] = divmod(number, 256)
        PillowImage.fromarray(image).save(folder / f"{number:04}.png", compress_level=1)


def start(scans: Path, out: Path, script: Path) -> subprocess.Popen[bytes]:
    """Begin a run in a process of its own."""
    return subprocess.Popen([sys.executable, str(script), str(scans), str(out)])


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a run; it must end well."""
    if process.wait() != 0:
        raise SystemExit("a run failed")


def published(out: Path) -> int:
    """Return how many outputs there are by now."""
    return sum(1 for path in out.glob("*.png"))


def wait_for(out: Path, count: int) -> None:
    """Wait until so many outputs are there."""
    while published(out) < count:
        time.sleep(0.02)


def kill_a_worker(driver: subprocess.Popen[bytes]) -> None:
    """Kill the process below the driver that has computed most: a worker."""
    below = psutil.Process(driver.pid).children(recursive=True)
    busiest = max(below, key=lambda process: process.cpu_times().user)
    busiest.send_signal(signal.SIGKILL)


def recorded(out: Path) -> tuple[int, int]:
    """Return the number of assets that are done and the number of step records."""
    with open_catalog(default_catalog(out), write=False) as catalog:
        records = sum(1 for _ in queries.all_records(catalog))
        return queries.totals(catalog).get("done", 0), records


def main() -> int:
    """Run undisturbed, then disturbed, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--side", type=int, default=512)
    options = parser.parse_args()
    count = options.images
    with noop_plugin(), tempfile.TemporaryDirectory() as name:
        home = Path(name)
        script = home / "driver.py"
        script.write_text(DRIVER)
        make_scans(home / "scans", count, options.side)
        clock = time.perf_counter()
        finish(start(home / "scans", home / "calm", script))
        first = time.perf_counter() - clock
        clock = time.perf_counter()
        finish(start(home / "scans", home / "calm", script))
        again = time.perf_counter() - clock
        clock = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import archivist.pipeline"], check=True)
        bare = time.perf_counter() - clock

        out = home / "stormy"
        driver = start(home / "scans", out, script)
        wait_for(out, count // 5)
        kill_a_worker(driver)
        wait_for(out, count // 2)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        time.sleep(1.0)
        before, _ = recorded(out)
        left = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
        finish(start(home / "scans", out, script))
        done, records = recorded(out)
        twice = len(left) - before
        leftovers = sum(1 for path in out.rglob(".archivist-*"))
    show(
        f"resume: {count} images of {options.side} x {options.side} pixels, 3 steps, 2 workers",
        [
            ("undisturbed", f"{first:.1f} s"),
            ("found nothing to do", f"{again:.1f} s, of it {bare:.1f} s to start Python"),
            ("killed driver left", f"{len(left)} outputs, {before} of them recorded"),
            ("after the next run", f"{done} assets done, {records} records"),
        ],
    )
    code = verdict("lost assets", float(count - done), at_most=0.0)
    code |= verdict("records too many", float(records - 3 * count), at_most=0.0)
    code |= verdict("outputs made twice", float(twice), at_most=float(WINDOW))
    code |= verdict("leftover files", float(leftovers), at_most=0.0)
    share = max(0.0, again - bare) / first
    return code | verdict("share of the first run", share, at_most=0.02)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    raise SystemExit(main())
