"""The few folders of a run, as paths that are made once: for a tiny file they cost a hundredth."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=64)
def folder_of(name: str) -> Path:
    """Return a folder of the workshop, which workers get as text."""
    return Path(name)
