"""Writing that survives a crash: content and names brought to the disk, small files whole."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def sync_file(path: Path) -> None:
    """Bring a file's content to the disk. Raises OSError."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk. Raises OSError."""
    if os.name == "nt":  # pragma: no cover - Windows has no handle of a folder to sync
        return
    _sync(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Write bytes at an offset of a file, made when it is missing, durably. Raises OSError.

    What lay there is overwritten, what lies behind stays.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    with os.fdopen(descriptor, "r+b") as stream:
        stream.seek(offset)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def replace_with(path: Path, data: bytes) -> None:
    """Make bytes the content of a file: after a crash it is the old or the new. Raises OSError."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        write_at(temporary, 0, data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
