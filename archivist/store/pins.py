"""Results that a person approved while a run goes: its workers leave them in place.

The plan of the run was frozen before, and workers do not see the catalog. So whoever records the
approval leaves empty files in the scratch space of the run first, named by the SHA-256 of the scan
and of its outputs, in whose places another scan's result may be meant; a worker looks for them just
before outputs get their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_FOLDER = "approved"


def pins_folder(home: Path, run: str) -> Path:
    """Return where the pins of a run lie; ``home`` is ``.archivist`` of its output folder."""
    return home / "scratch" / run / _FOLDER


def pin(folder: Path, digests: Iterable[str]) -> list[str]:
    """Let the results of scans stay; return those that did not before. Raises OSError."""
    fresh = []
    for digest in digests:
        if not is_pinned(folder, digest):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / digest).touch()
            fresh.append(digest)
    return fresh


def unpin(folder: Path, digests: Iterable[str]) -> None:
    """Let the results of scans be replaced again. Raises OSError."""
    for digest in digests:
        (folder / digest).unlink(missing_ok=True)


def is_pinned(folder: Path, digest: str) -> bool:
    """Tell whether the result of a scan must stay."""
    return (folder / digest).exists()
