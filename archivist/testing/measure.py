"""How much memory a call takes."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def growth() -> Iterator[list[float]]:
    """Measure the growth of this process in MiB, looking every 2 ms."""
    gc.collect()
    process, done = psutil.Process(), threading.Event()
    start = process.memory_info().rss
    peak = [0.0]

    def look() -> None:
        peak[0] = max(peak[0], (process.memory_info().rss - start) / 2**20)

    def watch() -> None:
        while not done.wait(0.002):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
        look()
    finally:
        done.set()
        thread.join()
