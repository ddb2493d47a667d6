"""What the scan is told: which files to take, how large they may be, how many threads read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archivist.api.errors import UsageError
from archivist.api.extensions import CodecSpec

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """What one scan is told, from :class:`archivist.config.ScanSettings` and the command line.

    Patterns are those of a ``.gitignore`` file, matched without regard to case against the path
    relative to the root: ``*.tif``, ``1905/``, ``/album/**/verso/``, ``!keep.jpg``. ``exclude``
    wins over ``include``.
    """

    include: Sequence[str] = ()
    """Only files that match; empty: all."""
    exclude: Sequence[str] = ()
    """Files and whole folders that are left out without being listed."""
    sample: int = 0
    """Take this many files, the same ones every time; 0: all."""
    max_pixels: int = 2_000_000_000
    """Pages with more pixels are refused by their header."""
    manifest: Path | None = None
    """The manifest, so that it is not reported as a file that is no picture."""
    never: Sequence[Path] = ()
    """Folders that are never entered: the output folder, the store."""
    reread: bool = False
    """Read every file again, even those whose size and time of change are as they were."""
    read_whole: int = 128 * MIB
    """Files up to this many bytes are held in memory; larger ones are read in blocks."""
    threads: int = 0
    """Files that are read at the same time; 0: one for each core, at most 8."""
    codecs: Sequence[CodecSpec] = ()
    """More formats, from plugins."""

    @property
    def readers(self) -> int:
        """The number of threads, 0 replaced: more than 8 only make a disk seek."""
        return self.threads or min(8, os.cpu_count() or 1)


def check_folders(root: Path, out: Path) -> None:
    """Raise UsageError when scans and outputs would mix: the same folder, or one in the other.

    An output folder inside the scans would be scanned by the next run; scans inside the output
    folder could be written over by a result of the same name.
    """
    scans, outputs = root.resolve(), out.resolve()
    if scans == outputs:
        raise UsageError(
            f"the output folder is the folder of the scans: {root}. "
            "Cure: name another folder with --out"
        )
    if outputs.is_relative_to(scans):
        raise UsageError(
            f"the output folder {out} lies inside the scans {root}. "
            "Cure: name a folder beside the scans with --out"
        )
    if scans.is_relative_to(outputs):
        raise UsageError(
            f"the scans {root} lie inside the output folder {out}, so a result could take the "
            "place of a scan. Cure: name a folder beside the scans with --out"
        )
