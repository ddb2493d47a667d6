"""A scan too large for memory, through a tiled step: 16-bit TIFF in, 16-bit TIFF out.

Workload: an RGB TIFF of 100 megapixels (with ``--full`` also 400), 16 bits, deflate tiles of 512,
read by window, blurred tile by tile in float32 (a Gaussian of radius 12, as a step would compute),
kept as a scratch file, written as a TIFF again. Baseline: the same with OpenCV, whole image, at the
smallest size. Metric: peak resident memory, at most 1 GiB whatever the size. Before that, the
result at 6 megapixels is compared with that of the whole image, sample by sample.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import tifffile
from _harness import peak_rss_mib, show, verdict
from numpy.typing import NDArray

from archivist.api import Colour
from archivist.imaging.decode import decode
from archivist.imaging.encode import PageOutput, write_pages
from archivist.imaging.picture import quantise, to_float
from archivist.imaging.raster import FileRaster, open_source
from archivist.imaging.tiles import map_raster

Work = Callable[[NDArray[np.float32]], NDArray[np.float32]]

RADIUS = 12
LIMIT_MIB = 1024
BUDGET = 2_000_000_000
TILE = 512


def blur(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Work as a step would: a Gaussian that sees :data:`RADIUS` pixels around each."""
    side = 2 * RADIUS + 1
    return np.asarray(cv2.GaussianBlur(pixels, (side, side), RADIUS / 3))


def median(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Work without rounding: the median of 5 x 5 pixels, which must agree in every bit."""
    return np.asarray(cv2.medianBlur(pixels, 5))


def make_scan(path: Path, side: int) -> None:
    """Write a square RGB TIFF whose tiles are one encoded tile of gradient and grain, repeated."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:TILE, 0:TILE] / TILE
    shade = 20_000 + 20_000 * np.sin(3 * y) * np.cos(2 * x)
    tile = (shade[:, :, None] + rng.normal(0, 300, (TILE, TILE, 3))).astype(np.uint16)
    encoded = imagecodecs.zlib_encode(imagecodecs.delta_encode(tile, axis=-2), 1)
    count = (-(-side // TILE)) ** 2
    tifffile.imwrite(
        path,
        (encoded for _ in range(count)),
        shape=(side, side, 3),
        dtype=np.uint16,
        photometric="rgb",
        tile=(TILE, TILE),
        compression="zlib",
        predictor=True,
        bigtiff=True,
        metadata=None,
    )


def by_tiles(source: Path, target: Path, work: Work = blur) -> None:
    """Read, work and write in windows."""
    scratch = target.with_suffix(".npy")
    with open_source(source, max_pixels=BUDGET) as scan:
        result = FileRaster.create(scratch, scan.shape, np.uint16)
        map_raster(
            {"image": scan},
            {"image": result},
            lambda tile: {"image": work(tile["image"])},
            size=1024,
            overlap=RADIUS,
        )
    write_pages(target, [PageOutput(raster=result, colour=Colour.RGB)], format="tiff", depth=16)
    result.delete()


def whole(source: Path, target: Path) -> None:
    """Do the same with OpenCV and the whole image in memory."""
    pixels = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    result = quantise(blur(to_float(pixels)))
    # 8 is deflate; OpenCV writes strips.
    cv2.imwrite(str(target), result, [cv2.IMWRITE_TIFF_COMPRESSION, 8])


def largest_difference(folder: Path, work: Work) -> int:
    """Return the largest difference, in 16-bit steps, between tiles and the whole image."""
    source, target = folder / "small.tif", folder / "small-out.tif"
    make_scan(source, 2450)
    by_tiles(source, target, work)
    expected = quantise(work(to_float(decode(source.read_bytes(), max_pixels=BUDGET).pixels)))
    found = decode(target.read_bytes(), max_pixels=BUDGET).pixels
    return int(np.abs(found.astype(np.int32) - expected).max())


def in_a_process(name: str, source: Path, target: Path) -> tuple[float, float, float]:
    """Return (wall seconds, CPU seconds, peak MiB) of the work in a fresh process."""
    command = [sys.executable, __file__, name, str(source), str(target)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, cpu, peak = json.loads(result.stdout)
    return seconds, cpu, peak


def measure(name: str, source: Path, target: Path) -> None:
    """Do the work once in this process and print what it took."""
    cv2.setNumThreads(1)
    start, cpu = time.perf_counter(), time.process_time()
    {"tiles": by_tiles, "opencv": whole}[name](source, target)
    print(json.dumps([time.perf_counter() - start, time.process_time() - cpu, peak_rss_mib()]))


def main(sides: list[int]) -> int:
    """Run the benchmark; the exit code says whether the targets are met."""
    facts: list[tuple[str, object]] = []
    peaks = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        exact = largest_difference(folder, median)
        rounded = largest_difference(folder, blur)
        facts.append(("tiles against the whole, 6 MP, median", f"{exact} of 65535"))
        facts.append(("tiles against the whole, 6 MP, Gaussian", f"{rounded} of 65535"))
        for side in sides:
            source, target = folder / f"{side}.tif", folder / "out.tif"
            make_scan(source, side)
            works = ("opencv", "tiles") if side == sides[0] else ("tiles",)
            for work in works:
                seconds, cpu, peak = in_a_process(work, source, target)
                text = f"{seconds:.1f} s, CPU {cpu:.1f} s, peak {peak:.0f} MiB"
                facts.append((f"{side**2 / 1e6:.0f} MP, {work}", text))
                peaks += [peak] if work == "tiles" else []
            source.unlink()
    show("16-bit RGB TIFF, read, blurred and written", facts)
    # A Gaussian in float32 is summed in another order at the end of a SIMD row: one step at most.
    return (
        verdict("peak in MiB of the largest scan", max(peaks), at_most=LIMIT_MIB)
        + verdict("difference of the median, 16-bit steps", exact, at_most=0)
        + verdict("difference of the Gaussian, 16-bit steps", rounded, at_most=1)
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main([10_000, 20_000] if "--full" in sys.argv else [10_000]))
