"""What the engine costs beyond the work itself: tiny images through three steps that do nothing.

Baseline: a bare loop that reads, checks, decodes and calls the same functions. Ours: the work of a
planned run, from the beginning of the first unit to the last record in the catalog. Then both with
publishing: the loop copies each file safely too, and reads the scan once more afterwards. One
process is measured in CPU seconds, which hold on a machine with other work; worker processes and
disks by the wall clock, the loop and the engine in turn.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from _harness import read_sizes, show, timed, verdict
from _noop_plugin import noop_plugin
from PIL import Image as PillowImage

from archivist.config import OutputSettings, RecipeSettings, StoreSettings, load
from archivist.imaging.decode import decode
from archivist.imaging.picture import quantise, to_float
from archivist.model import UnitOutcome
from archivist.pipeline import Job, run
from archivist.pipeline.job import Silent
from archivist.plugins import resolve

STEPS = ("noop.one", "noop.two", "noop.three")
PAIRS = 3
"""Loop and engine with publishing in turn: a new file costs 0.1 or 1 ms by the mood of the disk."""
PIXELS = 1 << 40


class Stopwatch(Silent):
    """Notes when the work begins and ends, and how memory grows."""

    def __init__(self) -> None:
        self.began = self.ended = self.cpu_began = self.cpu_ended = 0.0
        self.seen = 0
        self.memory: list[tuple[int, int]] = []

    def start(self, total_units: int, total_assets: int, seconds: float) -> None:
        """Work begins."""
        self.cpu_began = time.process_time()

    def outcome(self, outcome: UnitOutcome, names: Mapping[str, str]) -> None:
        """One more is done; the start of the worker processes is not counted."""
        self.began = self.began or outcome.started.timestamp()
        self.ended, self.cpu_ended = time.time(), time.process_time()
        self.seen += 1
        if self.seen % 250 == 0:
            self.memory.append((self.seen, psutil.Process().memory_info().rss))

    @property
    def seconds(self) -> float:
        """From the beginning of the first unit to the last record."""
        return self.ended - self.began

    @property
    def cpu_seconds(self) -> float:
        """The same in CPU seconds of this process."""
        return self.cpu_ended - self.cpu_began

    def slope(self) -> float:
        """Bytes of memory for each image, over the second half of the run."""
        rows = self.memory[len(self.memory) // 2 :]
        if len(rows) < 2:
            return 0.0
        return float(np.polyfit([n for n, _ in rows], [m for _, m in rows], 1)[0])


def make_scans(folder: Path, count: int) -> None:
    """Write tiny grey PNGs, each different."""
    folder.mkdir()
    for number in range(count):
        image = np.full((16, 16), 60, np.uint8)
        image.flat[:2] = divmod(number, 256)
        PillowImage.fromarray(image).save(folder / f"{number:05}.png")


def bare_loop(folder: Path, out: Path | None) -> None:
    """Do the work in the plainest way; with ``out`` also publish."""
    functions = [resolve("noop_steps:nothing")] * len(STEPS)
    from archivist.api import Image

    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        picture = decode(data, max_pixels=PIXELS)
        pixels = picture.pixels
        for function in functions:
            image = Image(pixels=to_float(pixels), colour=picture.colour, depth=picture.depth)
            pixels = quantise(function({"image": image}, None, None)["image"].pixels)
        if out is not None:
            copy_safely(data, path.stat().st_mtime_ns, out / path.name)
            if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                raise OSError(path)


class Cost(NamedTuple):
    """Seconds by the clock on the wall and of the processor."""

    wall: float
    cpu: float


def publishing_pair(scans: Path, home: Path) -> tuple[Cost, Cost]:
    """Return what the loop that also publishes costs, and the engine after it."""
    (home / "loop").mkdir(parents=True)
    began = time.process_time()
    wall = timed(lambda: bare_loop(scans, home / "loop"))
    plain = Cost(wall, time.process_time() - began)
    watch = engine(scans, home / "engine", scheduler="serial", publish=True)
    return plain, Cost(watch.seconds, watch.cpu_seconds)


def copy_safely(data: bytes, mtime_ns: int, target: Path) -> None:
    """Write, sync, read again and compare, rename, sync the folder: what publishing does."""
    part = target.with_name(target.name + ".part")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.utime(stream.fileno(), ns=(mtime_ns, mtime_ns))
        os.fsync(stream.fileno())
    if hashlib.sha256(part.read_bytes()).digest() != hashlib.sha256(data).digest():
        raise OSError(target)
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def engine(folder: Path, out: Path, *, scheduler: str, publish: bool) -> Stopwatch:
    """Run the chain as an archive would."""
    settings = load()
    profiles = settings.output.profiles if publish else ()
    settings = replace(
        settings,
        recipes={"noop": RecipeSettings(steps=tuple({"use": step} for step in STEPS))},
        output=OutputSettings(profiles=profiles),
        store=StoreSettings(keep=()),
    )
    watch = Stopwatch()
    workers = None if scheduler == "serial" else 2
    job = Job(
        scans=folder,
        out=out,
        settings=settings,
        recipe="noop",
        scheduler=scheduler,
        workers=workers,
    )
    result = run(job, watch)
    if result.failed or result.pending:
        raise SystemExit(f"the run failed: {result.failures[:1]}")
    return watch


def main() -> int:
    """Print the extra time per image, and the speed with publishing as a ratio."""
    count = read_sizes(__doc__, images=(2000, 5000)).images
    with noop_plugin(), tempfile.TemporaryDirectory() as name:
        home = Path(name)
        scans = home / "scans"
        make_scans(scans, count)
        timed(lambda: bare_loop(scans, None))
        cpu = timed(lambda: bare_loop(scans, None), time.process_time)
        wall = timed(lambda: bare_loop(scans, None))
        serial = engine(scans, home / "serial", scheduler="serial", publish=False)
        dask = engine(scans, home / "dask", scheduler="auto", publish=False)
        pairs = [publishing_pair(scans, home / f"pair{n}") for n in range(PAIRS)]
    per = 1e3 / count
    show(
        f"engine_overhead: {count} images of 16 x 16 pixels, 3 steps",
        [
            ("bare loop", f"{cpu * per:.3f} ms of CPU, {wall * per:.3f} ms per image"),
            ("one process", f"{serial.cpu_seconds * per:.3f} ms of CPU per image"),
            ("two workers", f"{dask.seconds * per:.3f} ms per image"),
            *(
                (
                    "loop, engine that publish",
                    f"{plain.wall * per:.3f}, {ours.wall * per:.3f} ms per image; "
                    f"{plain.cpu * per:.3f}, {ours.cpu * per:.3f} ms of CPU",
                )
                for plain, ours in pairs
            ),
        ],
    )
    extra_serial = (serial.cpu_seconds - cpu) * per
    code = verdict("extra ms per image, one process (CPU)", extra_serial, at_most=1.0)
    code |= verdict("extra ms per image, two workers", (dask.seconds - wall) * per, at_most=2.0)
    code |= verdict("bytes of memory per image", max(0.0, serial.slope()), at_most=1024.0)
    speed = statistics.median(plain.wall / ours.wall for plain, ours in pairs)
    return code | verdict("speed of the publishing loop", speed, at_least=0.7)


if __name__ == "__main__":
    raise SystemExit(main())
