"""Decode and encode a 24-megapixel JPEG: our readers and writers against Pillow.

Workload: a photograph-like picture of 6000 x 4000 pixels with film grain, quality 92, chroma 4:4:4,
from bytes to an array and back to a file. Baseline: Pillow, open, convert to RGB, array, save.
Metric: CPU seconds of Pillow over ours, and the growth of our process's peak memory over the size
of the raw pixels, measured in processes of their own.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from _harness import interleave, peak_rss_mib, show, verdict
from PIL import Image

from archivist.imaging.decode import decode
from archivist.imaging.encode import PageOutput, write_pages
from archivist.imaging.raster import ArrayRaster

WIDTH, HEIGHT, QUALITY = 6000, 4000, 92
RAW_MIB = WIDTH * HEIGHT * 3 / 2**20
BUDGET = 100_000_000


def photograph() -> bytes:
    """Return a JPEG with large shapes, edges, texture and grain, about 8 MB."""
    rng = np.random.default_rng(24)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for side, strength in ((6, 60.0), (40, 30.0), (300, 12.0), (1500, 5.0)):
        coarse = rng.normal(0, strength, (side * 2 // 3, side, 3)).astype(np.float32)
        picture += cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    grain = cv2.GaussianBlur(rng.normal(0, 6, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 0.7)
    picture += 128 + grain[:, :, None]
    pixels = np.clip(picture, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "jpeg", quality=QUALITY, subsampling=0)
    return stream.getvalue()


def ours(data: bytes, target: Path) -> None:
    """Decode and encode with archivist."""
    picture = decode(data, max_pixels=BUDGET)
    page = PageOutput(raster=ArrayRaster(picture.pixels), colour=picture.colour)
    write_pages(target, [page], format="jpeg", depth=8, quality=QUALITY)


def pillow(data: bytes, target: Path) -> None:
    """Decode and encode with Pillow."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("RGB"))
    Image.fromarray(pixels).save(target, "jpeg", quality=QUALITY, subsampling=0)


def growth(name: str, source: Path, target: Path) -> float:
    """Return by how many MiB the peak of a fresh process grows while it works."""
    command = [sys.executable, __file__, name, str(source), str(target)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(result.stdout))


def measure(name: str, source: Path, target: Path) -> None:
    """Do the work once in this process and print the growth of its peak."""
    data = source.read_bytes()
    before = peak_rss_mib()
    {"ours": ours, "pillow": pillow}[name](data, target)
    print(json.dumps(peak_rss_mib() - before))


def in_raw(mib: float) -> str:
    """Return an amount of memory as text, also as a multiple of the raw pixels."""
    return f"{mib:.0f} MiB, {mib / RAW_MIB:.2f} x raw"


def main() -> int:
    """Run the benchmark; the exit code says whether the targets are met."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "scan.jpg", Path(folder) / "out.jpg"
        data = photograph()
        source.write_bytes(data)
        pair = interleave(
            lambda: pillow(data, target),
            lambda: ours(data, target),
            rounds=5,
            clock=time.process_time,
        )
        peaks = {name: growth(name, source, target) for name in ("pillow", "ours")}
    theirs, own = pair.medians
    show(
        f"decode and encode a JPEG of 24 megapixels, {len(data) / 1e6:.1f} MB",
        [
            ("Pillow, CPU s", f"{theirs:.3f}"),
            ("archivist, CPU s", f"{own:.3f}"),
            ("Pillow, peak growth", in_raw(peaks["pillow"])),
            ("archivist, peak growth", in_raw(peaks["ours"])),
        ],
    )
    return verdict("Pillow's CPU time over ours", 1 / pair.ratio, at_least=2) + verdict(
        "peak growth over raw pixels", peaks["ours"] / RAW_MIB, at_most=1.3
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main())
