"""What the engine costs beyond the work itself: 5,000 tiny images through three steps that do nothing.

Baseline: a bare loop that reads, checks, decodes and calls the same functions. Ours: the same as a
planned run with its records in the catalog. Then both with publishing: the loop copies, syncs and
re-checks each file too.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from _noop_plugin import noop_plugin
from PIL import Image as PillowImage

from archivist.config import OutputSettings, RecipeSettings, StoreSettings, load
from archivist.imaging.decode import decode
from archivist.imaging.picture import quantise, to_float
from archivist.pipeline import Job, run
from archivist.pipeline.job import Silent
from archivist.plugins import resolve

STEPS = ("noop.one", "noop.two", "noop.three")
PIXELS = 1 << 40


class Stopwatch(Silent):
    """Notes when the work begins and ends, and how memory grows."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0
        self.seen = 0
        self.memory: list[tuple[int, int]] = []

    def start(self, total_units: int, total_assets: int, seconds: float) -> None:
        """Work begins."""
        self.began = time.perf_counter()

    def outcome(self, outcome: object, name: str = "") -> None:
        """One more is done."""
        self.ended = time.perf_counter()
        self.seen += 1
        if self.seen % 250 == 0:
            self.memory.append((self.seen, psutil.Process().memory_info().rss))

    @property
    def seconds(self) -> float:
        """From the first hand-out to the last record."""
        return self.ended - self.began

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


def bare_loop(folder: Path, out: Path | None) -> float:
    """Return the seconds of the plain loop; with ``out`` it also publishes."""
    functions = [resolve("noop_steps:nothing")] * len(STEPS)
    from archivist.api import Image

    began = time.perf_counter()
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        hashlib.sha256(data).hexdigest()
        picture = decode(data, max_pixels=PIXELS)
        pixels = picture.pixels
        for function in functions:
            image = Image(pixels=to_float(pixels), colour=picture.colour, depth=picture.depth)
            pixels = quantise(function({"image": image}, None, None)["image"].pixels)
        if out is not None:
            copy_safely(data, out / path.name)
    return time.perf_counter() - began


def copy_safely(data: bytes, target: Path) -> None:
    """Write, sync, rename, sync the folder, read again and compare: what publishing does."""
    part = target.with_name(target.name + ".part")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
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


def main() -> None:
    """Print the extra time per image, and the speed with publishing as a ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    count = parser.parse_args().images
    with noop_plugin(), tempfile.TemporaryDirectory() as name:
        home = Path(name)
        make_scans(home / "scans", count)
        bare = min(bare_loop(home / "scans", None) for _ in range(2))
        print(f"bare loop              {1e3 * bare / count:8.3f} ms per image")
        for scheduler, limit in (("serial", 1.0), ("auto", 2.0)):
            watch = engine(home / "scans", home / scheduler, scheduler=scheduler, publish=False)
            extra = 1e3 * (watch.seconds - bare) / count
            print(
                f"engine, {scheduler:6}         {1e3 * watch.seconds / count:8.3f} ms per image, "
                f"extra {extra:.3f} ms (goal: at most {limit:g}), "
                f"memory {watch.slope():.0f} bytes per image (goal: below 1024)"
            )
        (home / "plain").mkdir()
        plain = bare_loop(home / "scans", home / "plain")
        watch = engine(home / "scans", home / "published", scheduler="serial", publish=True)
        print(
            f"with publishing        loop {1e3 * plain / count:.3f} ms, engine "
            f"{1e3 * watch.seconds / count:.3f} ms: {plain / watch.seconds:.2f} of the loop's speed "
            "(goal: at least 0.70)"
        )
        shutil.rmtree(home / "published")


if __name__ == "__main__":
    main()
