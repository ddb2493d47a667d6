"""Runs with worker processes: the same results, and workers that die."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.catalog import queries
from archivist.catalog.session import open_catalog


def pictures(bench) -> dict[str, bytes]:
    return {name: bench.pixels(name).tobytes() for name in sorted(bench.outputs())}


def fill(bench, count: int) -> None:
    """Add some scans, each different, each with a spot."""
    for number in range(count):
        image = np.full((24, 24), 40 + number, np.uint8)
        image[number % 20, 3] = 250
        PillowImage.fromarray(image).save(bench.scans / f"{number:03}.png")


def test_worker_processes_give_what_one_process_gives(bench):
    fill(bench, 6)
    bench.run()
    alone = pictures(bench)
    bench.out = bench.out.with_name("dask")

    result = bench.run(scheduler="auto", workers=2)

    assert pictures(bench) == alone
    assert result.counts == {"done": 8, "skipped": 2}


def test_a_scan_that_kills_its_worker_is_the_only_one_that_fails(bench):
    fill(bench, 6)
    PillowImage.fromarray(np.full((8, 8), 220, np.uint8)).save(bench.scans / "deadly.png")
    bench.steps = [{"use": "sample.die"}]

    result = bench.run(scheduler="auto", workers=2)

    (failure,) = result.failures
    assert failure.paths == ("deadly.png",)
    assert failure.code == "killed-worker"
    assert result.counts == {"failed": 1, "skipped": 10}


DRIVER = """
import sys
from pathlib import Path
from archivist.config import RecipeSettings, load
from archivist.pipeline import Job, run
from dataclasses import replace

recipe = RecipeSettings(steps=({"use": "sample.spot"}, {"use": "sample.fill"}))
settings = replace(load(), recipes={"test": recipe})
run(Job(scans=Path(sys.argv[1]), out=Path(sys.argv[2]), settings=settings, recipe="test",
        scheduler="serial"))
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_at_any_moment_ends_as_an_undisturbed_one(bench, seed):
    fill(bench, 40)
    bench.run()
    undisturbed, steps = pictures(bench), _records(bench)
    bench.out = bench.out.with_name("killed")
    chance = random.Random(seed)
    command = [sys.executable, "-c", DRIVER, str(bench.scans), str(bench.out)]
    for _ in range(20):
        driver = subprocess.Popen(command, env=os.environ, stderr=subprocess.DEVNULL)
        try:
            code = driver.wait(timeout=chance.uniform(0.8, 4.0))
        except subprocess.TimeoutExpired:
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            time.sleep(0.05)
        else:
            assert code == 0
            break
    else:
        assert bench.run().pending == 0

    assert pictures(bench) == undisturbed
    assert _records(bench) == steps
    assert not list(bench.out.rglob(".archivist-*"))


def _records(bench) -> list[tuple[str, str, str]]:
    with open_catalog(bench.job().url, write=False) as catalog:
        return sorted((r.asset, r.step, r.key) for r in queries.all_records(catalog))
