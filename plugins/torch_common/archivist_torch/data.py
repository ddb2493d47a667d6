"""Training pictures: folders with a manifest, read once and kept packed.

A folder may hold ``MANIFEST.tsv`` with columns ``file`` (path inside the folder) and, if the
division is fixed by hand, ``split`` (train or val). Where there is no such column, files are
divided by the CRC-32 of their name, so that a division never depends on order or on other files.
"""

from __future__ import annotations

import csv
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a training set: its path inside the folder and uint8 pixels.

    ``pixels`` is (height, width) grey, (height, width, 3) RGB or (height, width, 4) RGBA.
    """

    name: str
    pixels: NDArray[np.uint8]


def read_folder(
    folder: Path, split: str, *, cache: Path | None = None, held_out: float = 0.15
) -> list[Picture]:
    """Read all pictures of one ``split`` (train, val) of a folder, sorted by name.

    ``held_out`` is the share for ``val`` where the manifest names no split. With ``cache`` the
    decoded pictures are kept in that folder and read from there the next time.
    Raises FileNotFoundError when the folder has no picture of that split.
    """
    names = [name for name, part in _listing(folder, held_out).items() if part == split]
    if not names:
        raise FileNotFoundError(f"{folder} holds no {split!r} pictures; see archivist_torch.data")
    if cache is None:
        return [Picture(name, _read(folder / name)) for name in names]
    packed = cache / f"{folder.name}-{split}-{_fingerprint(folder, names)}.npz"
    if not packed.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = packed.with_suffix(f".{os.getpid()}.part.npz")  # two trainings may share a cache
        np.savez(part, **{name: _read(folder / name) for name in names})
        part.replace(packed)
    with np.load(packed) as arrays:
        return [Picture(name, arrays[name]) for name in names]


def split_by_name(name: str, held_out: float) -> str:
    """Return val for about the share ``held_out`` of all names, else train."""
    return "val" if zlib.crc32(name.encode()) % 1000 < held_out * 1000 else "train"


def _listing(folder: Path, held_out: float) -> dict[str, str]:
    """Return the split of every picture of the folder, sorted by name."""
    manifest = folder / "MANIFEST.tsv"
    if manifest.exists():
        with manifest.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines, delimiter="\t")
            found = {row["file"]: row.get("split") for row in rows}
    else:
        files = (path for path in folder.rglob("*") if path.is_file())
        found = {path.relative_to(folder).as_posix(): None for path in files}
    return {
        name: found[name] or split_by_name(name, held_out)
        for name in sorted(found)
        if Path(name).suffix.lower() in SUFFIXES and (folder / name).exists()
    }


def _read(path: Path) -> NDArray[np.uint8]:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"{path} cannot be read as a picture; remove it from the training folder")
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 3:
        code = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
        pixels = cv2.cvtColor(pixels, code)
    return np.ascontiguousarray(pixels, np.uint8)


def _fingerprint(folder: Path, names: list[str]) -> str:
    facts = [
        (name, (folder / name).stat().st_size, (folder / name).stat().st_mtime_ns) for name in names
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
