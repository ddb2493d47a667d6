"""What this process runs on, for the record: versions, processor, devices."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from functools import lru_cache
from typing import Any

from archivist import __version__

# The libraries that touch pixels; a change in one of them is the first suspect of a difference.
LIBRARIES = ("numpy", "opencv-python-headless", "tifffile", "imagecodecs", "pillow", "torch")


@lru_cache(maxsize=1)
def environment() -> dict[str, object]:
    """Return the facts of this process that an auditor may ask for, as plain values."""
    return {
        "archivist": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": _processor(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))},
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
    }


def device() -> str:
    """Return where steps that can use a GPU compute in this worker: ``cuda`` or ``cpu``.

    The scheduler gives a worker its GPU through CUDA_VISIBLE_DEVICES; torch is asked only if the
    worker has one, because importing torch takes two seconds.
    """
    if not os.environ.get("CUDA_VISIBLE_DEVICES"):
        return "cpu"
    torch: Any = sys.modules.get("torch") or _import_torch()
    return "cuda" if torch is not None and torch.cuda.is_available() else "cpu"


def _import_torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError:
        return None


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:  # noqa: PTH123 (a kernel file)
            for line in stream:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
